/* The network: a small map for each neuron of what it gives in every place, links as thick as their weights, and the numbers of the one
 * that was chosen, to be read and changed. */
"use strict";

const network = (() => {
    let look = null, shape = "", nodes = []; // nodes[column][row]: {button, canvas, x, y, size}
    let chosen = null, hovered = null; // {layer, to}: a neuron of the weights' layer `layer`
    const input = ["x₁", "x₂"];

    const layers = () => (look ? look.layers : []);
    const sizes = () => [2, ...layers().map((layer) => layer.biases.length)];
    const name = (column, row) =>
        column === 0 ? "input " + input[row] : column === layers().length ? "the output" : "neuron " + (row + 1) + " of layer " + column;

    /* ---- places ------------------------------------------------------------------------------------------------- */

    function build() {
        const box = $("#neurons");
        box.replaceChildren();
        nodes = sizes().map((count, column, all) => Array.from({length: count}, (_, row) => {
            const canvas = el("canvas", {"aria-hidden": "true"});
            const fixed = column === 0, last = column === all.length - 1;
            const button = el("button.neuron" + (fixed ? ".input" : "") + (last ? ".output" : ""), {type: "button"}, canvas,
                fixed ? el("span", {}, input[row]) : null);
            button.addEventListener("pointerenter", () => hover(column, row));
            button.addEventListener("pointerleave", () => hover(null));
            button.addEventListener("focus", () => hover(column, row));
            button.addEventListener("blur", () => hover(null));
            button.addEventListener("click", () => choose(fixed ? null : {layer: column - 1, to: row}));
            box.append(button);
            return {button, canvas};
        }));
        place();
    }

    function place() {
        const net = $("#net"), width = net.clientWidth, count = sizes(), most = Math.max(...count);
        const columns = count.length, across = Math.min(44, Math.floor(0.62 * width / columns));
        const sizeOf = (n) => Math.max(20, Math.min(across, Math.floor(460 / n) - 6)), gapOf = (size) => Math.max(5, Math.min(16, 0.3 * size));
        const tallest = most * (sizeOf(most) + gapOf(sizeOf(most))), height = Math.max(180, tallest + 16);
        net.style.height = height + "px";
        nodes.forEach((column, i) => column.forEach((node, j) => {
            const size = sizeOf(column.length), gap = gapOf(size);
            node.size = size;
            node.x = across / 2 + 4 + (width - across - 8) * i / (columns - 1);
            node.y = height / 2 + (j - (column.length - 1) / 2) * (size + gap);
            Object.assign(node.button.style, {width: size + "px", height: size + "px",
                transform: "translate(" + (node.x - size / 2) + "px," + (node.y - size / 2) + "px)"});
        }));
    }

    /* ---- drawing ------------------------------------------------------------------------------------------------ */

    function ramp(along) {
        const side = 12;
        return Uint8Array.from({length: side * side}, (_, i) => Math.round(255 * (along ? (i % side) : side - 1 - Math.floor(i / side)) / (side - 1)));
    }
    const ramps = [ramp(true), ramp(false)];

    function map(column, row) {
        if (column === 0) return ramps[row];
        if (column === layers().length) return look.surface;
        return look.layers[column - 1].maps[row].cells;
    }

    function drawNodes() {
        nodes.forEach((column, i) => column.forEach((node, j) => {
            const inner = node.size - 4, context = paint.fit(node.canvas, inner, inner);
            paint.cells(context, map(i, j), inner, inner);
            const dead = i > 0 && i < layers().length && look.layers[i - 1].maps[j].dead;
            node.button.classList.toggle("dead", dead);
            node.button.setAttribute("aria-pressed", String(Boolean(chosen && chosen.layer === i - 1 && chosen.to === j)));
            const label = name(i, j) + (dead ? ", dead: it gives 0 for every point" : "");
            if (node.label !== label) {
                node.label = label;
                node.button.setAttribute("aria-label", label);
            }
        }));
    }

    /* A curve from right of one neuron to left of another, as the four points of Bézier's. */
    function curve(layer, to, from) {
        const a = nodes[layer][from], b = nodes[layer + 1][to], x0 = a.x + a.size / 2, x1 = b.x - b.size / 2, bend = (x1 - x0) * 0.45;
        return [x0, a.y, x0 + bend, a.y, x1 - bend, b.y, x1, b.y];
    }

    function eachLink(visit) {
        layers().forEach((layer, l) => {
            const from = sizes()[l];
            layer.weights.forEach((weight, i) => visit(l, Math.floor(i / from), i % from, weight));
        });
    }

    function drawLinks() {
        const net = $("#net"), context = paint.fit($("#links"), net.clientWidth, net.clientHeight);
        context.clearRect(0, 0, net.clientWidth, net.clientHeight);
        const plus = theme.colour("one"), minus = theme.colour("zero"), crowded = layers().reduce((sum, l) => sum + l.weights.length, 0) > 300;
        const near = hovered || chosen && {column: chosen.layer + 1, row: chosen.to};
        eachLink((layer, to, from, weight) => {
            const size = Math.abs(weight === null ? 0 : weight), [x0, y0, x1, y1, x2, y2, x3, y3] = curve(layer, to, from);
            const mine = near && ((near.column === layer + 1 && near.row === to) || (near.column === layer && near.row === from));
            context.globalAlpha = mine ? 1 : (near ? 0.25 : 1) * ((crowded ? 0.1 : 0.3) + 0.6 * size / (size + 1));
            context.lineWidth = 0.6 + (crowded ? 4 : 6) * size / (size + 2.5);
            context.strokeStyle = weight > 0 ? plus : minus;
            context.beginPath();
            context.moveTo(x0, y0);
            context.bezierCurveTo(x1, y1, x2, y2, x3, y3);
            context.stroke();
        });
        context.globalAlpha = 1;
    }

    function draw() {
        if (!look || !nodes.length) return;
        drawLinks();
        drawNodes();
        drawCard();
    }
    const redraw = once(draw);

    /* ---- what the pointer is at --------------------------------------------------------------------------------- */

    function hover(column, row) {
        hovered = column === null ? null : {column, row};
        plane.borrow(column === null || column === layers().length ? null
            : {cells: map(column, row), title: "What " + name(column, row) + " gives", ...range(column, row)});
        redraw();
    }

    function range(column, row) {
        if (column === 0) return {};
        const {least, most} = look.layers[column - 1].maps[row];
        return {least, most};
    }

    function nearest(x, y) {
        let best = null, distance = 36; // squared
        eachLink((layer, to, from, weight) => {
            const [x0, y0, x1, y1, x2, y2, x3, y3] = curve(layer, to, from);
            if (x < x0 || x > x3) return;
            for (let t = 0; t <= 1; t += 1 / 24) {
                const s = 1 - t, a = s * s * s, b = 3 * s * s * t, c = 3 * s * t * t, d = t * t * t;
                const dx = a * x0 + b * x1 + c * x2 + d * x3 - x, dy = a * y0 + b * y1 + c * y2 + d * y3 - y;
                if (dx * dx + dy * dy < distance) {
                    distance = dx * dx + dy * dy;
                    best = {layer, to, from, weight};
                }
            }
        });
        return best;
    }

    function point(event) {
        const box = $("#net").getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top, tip = $("#tip");
        const link = event.target.closest(".neuron") ? null : nearest(x, y);
        tip.hidden = !link;
        if (!link) return;
        tip.textContent = "weight from " + name(link.layer, link.from) + " to " + name(link.layer + 1, link.to) + ": " + say.number(link.weight);
        tip.style.left = Math.max(0, Math.min(box.width - 190, x + 12)) + "px";
        tip.style.top = Math.max(0, y - 44) + "px";
    }

    /* ---- the one that was chosen -------------------------------------------------------------------------------- */

    let fields = [], cardOf = "";

    function choose(which, from = null) {
        chosen = which;
        redraw();
        if (which && from !== null) requestAnimationFrame(() => fields[from] && fields[from].focus());
    }

    async function setWeight(place, field) {
        const value = Number(field.value);
        if (field.value.trim() === "" || !Number.isFinite(value)) return;
        try {
            await server.post("/api/weight", {...place, value});
        } catch (error) {
            notify(error.message, true);
        }
    }

    function weightField(label, place) {
        const field = el("input", {type: "number", step: "0.1", "aria-label": label[1]});
        field.addEventListener("change", () => setWeight(place, field));
        return [el("label.weight", {}, el("span", {"aria-hidden": "true"}, label[0]), field), field];
    }

    function makeCard() {
        const {layer, to} = chosen, card = $("#neuron"), count = sizes()[layer];
        const parts = Array.from({length: count}, (_, from) => weightField(
            [layer === 0 ? input[from] : "from " + (from + 1), "weight from " + name(layer, from)], {layer, to, from}));
        const bias = weightField(["bias", "bias"], {layer, to, from: -1});
        fields = [...parts, bias].map(([, field]) => field);
        const close = el("button.square", {type: "button", "aria-label": "Close"}, "×");
        close.addEventListener("click", () => {
            const node = nodes[layer + 1][to];
            choose(null);
            node.button.focus();
        });
        card.replaceChildren(el("header", {}, el("h3", {}, name(layer + 1, to).replace(/^./, (c) => c.toUpperCase())), el("span.quiet", {id: "neuron-range"}), close),
            el("div.weights", {}, ...[...parts, bias].map(([label]) => label)));
    }

    function drawCard() {
        const card = $("#neuron");
        if (chosen && (chosen.layer >= layers().length || chosen.to >= layers()[chosen.layer].biases.length)) chosen = null;
        card.hidden = !chosen;
        if (!chosen) {
            cardOf = "";
            return;
        }
        const {layer, to} = chosen, of = [layer, to, shape].join();
        if (of !== cardOf) makeCard();
        cardOf = of;
        const count = sizes()[layer], numbers = [...look.layers[layer].weights.slice(to * count, (to + 1) * count), look.layers[layer].biases[to]];
        fields.forEach((field, i) => {
            if (document.activeElement !== field) field.value = numbers[i] === null ? "" : String(Number(numbers[i].toPrecision(4)));
        });
        const maps = look.layers[layer].maps;
        $("#neuron-range").textContent = !maps ? "" : maps[to].dead ? "dead: gives 0 for every point, so it learns no more"
            : "gives " + say.brief(maps[to].least, 3) + " to " + say.brief(maps[to].most, 3);
    }

    /* ---- layers ------------------------------------------------------------------------------------------------- */

    function setLayers(list) {
        settings.change({net: list.join(",")});
    }

    function drawLayers() {
        const list = settings.layers(), box = $("#layers"), focus = document.activeElement && document.activeElement.dataset.layer;
        const button = (text, label, key, off, work) => el("button.square", {type: "button", "aria-label": label, title: label, "data-layer": key, disabled: off, onclick: work}, text);
        const changed = (i, by) => setLayers(list.map((n, k) => (k === i ? n + by : n)));
        box.replaceChildren(
            ...list.map((n, i) => el("span.layer", {role: "group", "aria-label": "Hidden layer " + (i + 1)},
                button("−", n === 1 ? "Remove layer " + (i + 1) : "One neuron less in layer " + (i + 1), "less" + i, false,
                    () => (n === 1 ? setLayers(list.filter((_, k) => k !== i)) : changed(i, -1))),
                el("b", {}, String(n)),
                button("+", "One neuron more in layer " + (i + 1), "more" + i, n >= 16, () => changed(i, 1)),
                button("×", "Remove layer " + (i + 1), "remove" + i, false, () => setLayers(list.filter((_, k) => k !== i))))),
            el("button", {type: "button", id: "add-layer", "data-layer": "add", disabled: list.length >= 6,
                onclick: () => setLayers([...list, Math.min(16, list[list.length - 1] || 4)])}, "+ layer"));
        if (focus) {
            const same = $('[data-layer="' + focus + '"]:not([disabled])', box) || $("#add-layer");
            same.focus();
        }
    }

    return {
        start() {
            bus.on("look", (fresh) => {
                look = fresh;
                const wanted = sizes().join();
                if (wanted !== shape) {
                    shape = wanted;
                    hovered = null;
                    build();
                }
                redraw();
            });
            let drawn = null;
            bus.on("settings", () => {
                if (settings.now.net !== drawn) drawLayers();
                drawn = settings.now.net;
            });
            bus.on("theme", redraw);
            new ResizeObserver(() => {
                if (nodes.length) place();
                redraw();
            }).observe($("#net"));
            $("#net").addEventListener("pointermove", point);
            $("#net").addEventListener("pointerleave", () => ($("#tip").hidden = true));
            $("#net").addEventListener("click", (event) => {
                if (event.target.closest(".neuron")) return;
                const box = $("#net").getBoundingClientRect(), link = nearest(event.clientX - box.left, event.clientY - box.top);
                if (link) choose({layer: link.layer, to: link.to}, link.from);
            });
        },
    };
})();
