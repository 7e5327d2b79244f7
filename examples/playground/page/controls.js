/* The choices: points and training. Every control shows settings.now and changes it. */
"use strict";

const controls = (() => {
    /* key: [id of its select, value and words…]. What else an address may have chosen is shown as it is. */
    const selects = {
        lr: ["lr", ...["0.0001", "0.0003", "0.001", "0.003", "0.01", "0.03", "0.1", "0.3", "1", "3", "10"].map((v) => [v, v])],
        act: ["act", ["relu", "ReLU"], ["tanh", "tanh"], ["sigmoid", "sigmoid"], ["leaky_relu", "leaky ReLU"], ["identity", "none (a line)"]],
        loss: ["loss-kind", ["mse", "mean squared error"], ["bce", "cross-entropy"], ["hinge", "hinge"]],
        opt: ["opt", ["sgd", "SGD"], ["momentum", "SGD, momentum"], ["adam", "Adam"], ["rmsprop", "RMSprop"]],
        batch: ["batch", ["0", "all points"], ...["1", "2", "5", "10", "20", "50", "100"].map((v) => [v, v + (v === "1" ? " point" : " points")])],
        decay: ["decay", ["0", "none"], ...["0.0001", "0.001", "0.003", "0.01", "0.03", "0.1"].map((v) => [v, v])],
        speed: ["speed", ["1", "1 epoch a second"], ["10", "10 a second"], ["100", "100 a second"], ["1000", "1,000 a second"], ["10000", "10,000 a second"], ["0", "as fast as it can"]],
        stop: ["stop", ["0", "never"], ...["100", "1000", "10000", "100000", "1000000"].map((v) => [v, say.count(Number(v)) + " epochs"])],
    };
    const sets = [["xor", "XOR"], ["cloud", "XOR cloud"], ["circles", "Circles"], ["spirals", "Spirals"], ["moons", "Moons"], ["gaussians", "Gaussians"], ["own", "My own"]];
    const sliders = {n: (v) => v, noise: (v) => Number(v).toFixed(2), test: (v) => v + " %"};

    /* What a set looks like: some places, 0 and 1 by turns. */
    function picture(name) {
        const dots = [], put = (x, y, one) => dots.push(one ? svg("circle", {cx: x, cy: y, r: 2, class: "one"}) : svg("rect", {x: x - 1.8, y: y - 1.8, width: 3.6, height: 3.6, class: "zero"}));
        const turn = (i, n, r, one, from = 0) => put(16 + r * Math.cos(from + 2 * Math.PI * i / n), 16 - r * Math.sin(from + 2 * Math.PI * i / n), one);
        if (name === "xor") [[7, 25, 0], [7, 7, 1], [25, 7, 0], [25, 25, 1]].forEach((p) => put(...p));
        if (name === "cloud") for (const [x, y] of [[6, 6], [12, 9], [8, 13], [24, 7], [20, 12], [27, 13], [6, 21], [12, 26], [9, 28], [22, 21], [27, 26], [20, 27]]) put(x, y, (x < 16) === (y < 16));
        if (name === "circles") for (let i = 0; i < 12; i++) turn(i, 12, 13, true), i % 2 && turn(i, 12, 6, false);
        if (name === "spirals") for (let i = 2; i < 11; i++) put(16 + 1.25 * i * Math.cos(0.75 * i), 16 - 1.25 * i * Math.sin(0.75 * i), false), put(16 - 1.25 * i * Math.cos(0.75 * i), 16 + 1.25 * i * Math.sin(0.75 * i), true);
        if (name === "moons") for (let i = 0; i <= 6; i++) put(12 + 9 * Math.cos(Math.PI * i / 6), 19 - 11 * Math.sin(Math.PI * i / 6), false), put(20 - 9 * Math.cos(Math.PI * i / 6), 13 + 11 * Math.sin(Math.PI * i / 6), true);
        if (name === "gaussians") for (const [x, y] of [[0, 0], [4, 1], [-3, 2], [1, -4], [2, 4], [-4, -3]]) put(10 + x, 22 + y, false), put(22 + y, 10 + x, true);
        if (name === "own") dots.push(svg("path", {d: "M16 8v16M8 16h16", class: "plus"}));
        return svg("svg", {viewBox: "0 0 32 32", "aria-hidden": "true"}, ...dots);
    }

    function build() {
        for (const [key, [id, ...choices]] of Object.entries(selects)) {
            const select = $("#" + id);
            select.append(...choices.map(([value, text]) => el("option", {value}, text)));
            select.addEventListener("change", () => settings.change({[key]: select.value}));
        }
        for (const [key, words] of Object.entries(sliders)) {
            const slider = $("#" + key);
            slider.addEventListener("input", () => {
                $("#" + key + "-value").textContent = words(slider.value);
                settings.change({[key]: String(Number(slider.value))});
            });
        }
        for (const key of ["sample", "seed"]) {
            const field = $("#" + key);
            field.addEventListener("change", () => {
                const n = Math.round(Number(field.value));
                if (field.value.trim() !== "" && n >= 0 && n <= 4294967295) settings.change({[key]: String(n)});
                else show();
            });
            $("[data-next=" + key + "]").addEventListener("click", () => settings.change({[key]: String((Number(settings.now[key]) + 1) % 4294967296)}));
        }
        $("#sets").append(...sets.map(([value, text]) => el("label", {}, el("input", {type: "radio", name: "set", value, onchange: () => chooseSet(value)}), el("span", {}, picture(value), el("small", {}, text)))));
    }

    /* The lesson's pause after 1000 epochs and its short steps are for XOR; others would take too long. */
    function chooseSet(set) {
        const now = settings.now, changes = {set, own: set === "own" ? now.own : ""};
        if (now.set === "xor" && set !== "xor") {
            changes.stop = "0";
            if (now.lr === settings.first.lr && now.opt === "sgd") {
                changes.lr = "0.1";
                notify("The learning rate is now 0.1: with XOR's 0.01 this would take long.");
            }
        }
        settings.change(changes);
    }

    function show() {
        const now = settings.now;
        for (const [key, [id]] of Object.entries(selects)) {
            const select = $("#" + id);
            if (![...select.options].some((o) => o.value === now[key])) select.append(el("option", {value: now[key]}, now[key]));
            select.value = now[key];
        }
        for (const [key, words] of Object.entries(sliders)) {
            const slider = $("#" + key);
            if (document.activeElement !== slider) slider.value = now[key];
            $("#" + key + "-value").textContent = words(now[key]);
        }
        for (const key of ["sample", "seed"]) if (document.activeElement !== $("#" + key)) $("#" + key).value = now[key];
        const radio = $('input[name=set][value="' + now.set + '"]');
        if (radio) radio.checked = true;
        const drawn = now.set !== "xor" && now.set !== "own";
        for (const field of document.querySelectorAll(".for-drawn")) {
            field.classList.toggle("off", !drawn);
            for (const input of field.querySelectorAll("input, button")) input.disabled = !drawn;
        }
    }

    return {
        start() {
            build();
            bus.on("settings", show);
            show();
        },
    };
})();
