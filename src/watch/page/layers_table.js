/* The table of layers: a row for each, which stays the same element while its numbers change, so that no click is lost. */
"use strict";

const layersTable = (() => {
    const rows = new Map(); // key of a layer: {element, update}
    let pick = () => {};

    /* A layer is one of several kinds of numbers under one name. */
    const key = (layer) => layer.kind + " " + layer.name;
    const title = (layer) => layer.name || "(the net)";
    const wrong = (layer) => layer.nan > 0 || layer.inf > 0;

    /* How the norm went, as a small line. */
    function spark(norms) {
        const good = norms.filter(Number.isFinite), low = Math.min(...good), high = Math.max(...good);
        const across = (i) => 1 + 46 * i / Math.max(1, norms.length - 1);
        const upwards = (norm) => 19 - 18 * (high > low ? (norm - low) / (high - low) : 0.5);
        const point = (norm, i) => across(i).toFixed(1) + "," + upwards(norm).toFixed(1);
        return norms.map((norm, i) => (Number.isFinite(norm) ? point(norm, i) : "")).join(" ");
    }

    function badges(layer) {
        const found = [];
        if (layer.nan > 0) found.push(["bad", say.count(layer.nan) + " NaN"]);
        if (layer.inf > 0) found.push(["bad", say.count(layer.inf) + " infinite"]);
        if (layer.units && layer.dead / layer.units >= 0.5) found.push(["warn", "half of it is dead"]);
        if (layer.kind === "gradient" && layer.zeros === 1) found.push(["warn", "no gradient"]);
        return found.map(([how, words]) => el("span.badge." + how, {}, words));
    }

    function row(first) {
        const button = el("button.plain", {type: "button"}, title(first)), signs = el("div"), norm = el("span");
        const line = svg("polyline", {fill: "none", stroke: "currentColor"});
        const shape = el("td.shape"), mean = el("td"), zeros = el("td"), dead = el("td");
        const element = el("tr", {"data-layer": key(first), onclick: () => pick(key(first))},
            el("th", {scope: "row"}, button, signs), el("td.kind", {}, first.kind), shape,
            el("td", {}, el("span.with-spark", {},
                svg("svg", {width: 48, height: 20, "aria-hidden": "true", class: "spark"}, line), norm)),
            mean, zeros, dead);
        return {
            element,
            update(layer, norms, selected) {
                element.classList.toggle("selected", selected);
                button.setAttribute("aria-pressed", selected);
                signs.replaceChildren(...badges(layer));
                shape.textContent = say.shape(layer.shape);
                line.setAttribute("points", spark(norms));
                norm.textContent = say.number(layer.norm);
                mean.textContent = say.number(layer.mean, 2) + " ± " + say.number(layer.std, 2);
                zeros.textContent = say.percent(layer.zeros);
                dead.textContent = layer.units ? say.count(layer.dead ?? 0) + " / " + say.count(layer.units) : "–";
            },
        };
    }

    return {
        key, title, wrong,
        /* The layers of the last look; norms(key) is what a layer's norm was in all looks. */
        show(layers, selected, norms) {
            const body = $("#layers-table tbody"), wanted = new Set(layers.map(key));
            for (const [name, {element}] of rows) {
                if (wanted.has(name)) continue;
                element.remove();
                rows.delete(name);
            }
            layers.forEach((layer, i) => {
                const name = key(layer);
                if (!rows.has(name)) rows.set(name, row(layer));
                const {element, update} = rows.get(name);
                if (body.children[i] !== element) body.insertBefore(element, body.children[i] ?? null);
                update(layer, norms(name), name === selected);
            });
        },
        start: (onPick) => (pick = onPick),
    };
})();
