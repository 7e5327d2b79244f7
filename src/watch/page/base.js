/* What every part of the page uses: elements, words for numbers, messages between parts, and colours of the theme. */
"use strict";

const $ = (css, root = document) => root.querySelector(css);

/* el("button.quiet", {type: "button", onclick: f, "aria-label": "stop"}, "text", another): an element with its classes,
 * properties (attributes where the name has a "-" or the element has no such property) and children; what is null is
 * left out. */
function el(what, properties = {}, ...children) {
    const [tag, ...classes] = what.split(".");
    const element = document.createElement(tag);
    if (classes.length) element.className = classes.join(" ");
    for (const [name, value] of Object.entries(properties)) {
        if (value === null || value === undefined) continue;
        if (name in element && !name.includes("-")) element[name] = value;
        else element.setAttribute(name, value);
    }
    element.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return element;
}

/* The same for SVG, where all are attributes. */
function svg(tag, attributes = {}, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(name, value);
    element.append(...children.flat().filter((child) => child !== null));
    return element;
}

/* One of the pictures that stand at the top of the document. */
const icon = (name) => svg("svg", {class: "icon", "aria-hidden": "true"}, svg("use", {href: "#icon-" + name}));

/* ---- words ---------------------------------------------------------------------------------------------------- */

const say = {
    /* 0.01234, 12.34, 1,234, 1.234e-5; what is not finite comes from JSON as null */
    number(x, digits = 4) {
        if (x === null || x === undefined || Number.isNaN(x)) return "NaN";
        if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
        const size = Math.abs(x);
        if (size >= 1e6 && size < 1e15 && Number.isInteger(x)) return say.count(x);
        if (size !== 0 && (size < 1e-3 || size >= 1e6))
            return say.minus(x.toExponential(digits - 1).replace("e+", "e"));
        if (size >= 1000) return x.toLocaleString("en-GB", {maximumFractionDigits: Math.max(0, digits - 4)});
        return say.minus(x.toPrecision(digits));
    },
    /* the same without zeros at the end: 0.001, 1e-5 */
    brief(x, digits = 4) {
        return say.number(x, digits).replace(/(\.\d*?)0+(?=e|$)/, "$1").replace(/\.(?=e|$)/, "");
    },
    minus: (text) => text.replace(/^-/, "−"),
    count: (n) => Math.round(n).toLocaleString("en-GB"),
    /* for axes: 1k, 2.5M */
    short(n) {
        for (const [size, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]])
            if (Math.abs(n) >= size) return say.minus(String(Number((n / size).toPrecision(4)))) + letter;
        return say.minus(String(Number(n.toPrecision(6))));
    },
    percent: (share, digits = 1) => (Number.isFinite(share) ? (100 * share).toFixed(digits) + " %" : "–"),
    shape: (dims) => (dims && dims.length ? dims.join(" × ") : "scalar"),
    duration(seconds) {
        if (seconds < 1) return Math.round(1000 * seconds) + " ms";
        if (seconds < 60) return Number(seconds.toPrecision(2)) + " s";
        const minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60), rest = Math.floor(seconds % 60);
        if (minutes < 60) return minutes + " min" + (minutes < 10 && rest ? " " + rest + " s" : "");
        if (hours < 48) return hours + " h" + (minutes % 60 ? " " + (minutes % 60) + " min" : "");
        return Math.floor(hours / 24) + " days";
    },
    ago(time) {
        const seconds = Date.now() / 1000 - time;
        if (seconds < 10) return "just now";
        for (const [size, unit] of [[86400, "day"], [3600, "h"], [60, "min"]]) {
            const n = Math.floor(seconds / size);
            if (n) return n + " " + unit + (unit === "day" && n > 1 ? "s" : "") + " ago";
        }
        return Math.floor(seconds) + " s ago";
    },
};

/* ---- messages ------------------------------------------------------------------------------------------------- */

/* Parts tell each other what happened by name: "runs", "chosen", "current", "data", "state", "view", "theme"… */
const bus = {
    listeners: new Map(),
    on(...namesAndListener) {
        const listener = namesAndListener.pop();
        for (const name of namesAndListener) {
            if (!bus.listeners.has(name)) bus.listeners.set(name, []);
            bus.listeners.get(name).push(listener);
        }
    },
    tell(name, ...details) {
        for (const listener of bus.listeners.get(name) || []) listener(...details);
    },
};

/* Does it once, before the next picture, however often it is asked for. */
function once(work) {
    let asked = false;
    return () => {
        if (asked) return;
        asked = true;
        requestAnimationFrame(() => {
            asked = false;
            work();
        });
    };
}

/* Does it when nobody has asked for this many milliseconds. */
function later(milliseconds, work) {
    let timer = 0;
    return (...details) => {
        clearTimeout(timer);
        timer = setTimeout(work, milliseconds, ...details);
    };
}

/* A sentence that is shown for some seconds, and read out. */
function notify(text, bad = false) {
    const note = el("div.note" + (bad ? ".bad" : ""), {}, text);
    $("#notes").append(note);
    setTimeout(() => note.remove(), bad ? 8000 : 4000);
}

function save(blob, name) {
    const link = el("a", {href: URL.createObjectURL(blob), download: name});
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
