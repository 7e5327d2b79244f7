/* A chart as a file: a drawing of its own in SVG, with axes and a legend; the same as PNG; and every value that was
 * logged as CSV. */
"use strict";

const chartExport = (() => {
    const width = 900, height = 460;
    const size = 12; // of the text

    /* A scale as projection() wants it, for the drawing's own place. */
    function scaleOf({type, min, max}, begin, end) {
        return {type, min, max, getPixelForValue: (value) => (value === min ? begin : end)};
    }

    /* "M1 2L3 4" of the points that outline() left. */
    function path(n) {
        const points = curveDraw.points();
        let text = "", up = true;
        for (let i = 0; i < n; i += 2) {
            if (Number.isNaN(points[i])) {
                up = true;
                continue;
            }
            text += (up ? "M" : "L") + points[i].toFixed(1) + " " + points[i + 1].toFixed(1);
            up = false;
        }
        return text;
    }

    function drawing(card) {
        const {x, y} = card.chart.scales, {x: axis, smooth} = state.now;
        const text = theme.colour("text"), muted = theme.colour("muted"), grid = theme.colour("grid");
        const names = card.curves.map((curve) => chartReadout.name(card, curve));
        const labels = y.ticks.map((tick) => String(tick.label ?? ""));
        const area = {left: 24 + 7 * Math.max(3, ...labels.map((label) => label.length)), right: width - 24, top: 48};

        // The legend below, in as many lines as it takes.
        const places = [];
        let row = 0, column = area.left;
        for (const name of names) {
            const needs = 40 + 7 * name.length;
            if (column + needs > area.right && column > area.left) {
                row++;
                column = area.left;
            }
            places.push([column, row]);
            column += needs;
        }
        area.bottom = height - 60;
        const whole = area.bottom + 62 + 20 * row;

        const root = svg("svg", {
            xmlns: "http://www.w3.org/2000/svg", width, height: whole, viewBox: "0 0 " + width + " " + whole,
            "font-family": "system-ui, sans-serif", "font-size": size,
        });
        const words = (at, up, content, anchor, more = {}) =>
            svg("text", {x: at, y: up, "text-anchor": anchor, fill: muted, ...more}, content);
        const inside = {x: area.left, y: area.top, width: area.right - area.left, height: area.bottom - area.top};
        root.append(svg("rect", {width, height: whole, fill: theme.colour("surface")}),
            words(area.left, 28, card.name, "start", {fill: text, "font-size": 16, "font-weight": 600}),
            svg("clipPath", {id: "area"}, svg("rect", inside)));

        const across = scaleOf(x, area.left, area.right), upwards = scaleOf(y, area.bottom, area.top);
        const px = curveDraw.projection(across), py = curveDraw.projection(upwards);
        const lines = svg("g", {stroke: grid});
        root.append(lines);
        y.ticks.forEach((tick) => {
            lines.append(svg("path", {d: "M" + area.left + " " + py(tick.value).toFixed(1) + "H" + area.right}));
            if (tick.label) root.append(words(area.left - 8, py(tick.value) + 4, tick.label, "end"));
        });
        x.ticks.forEach((tick) => {
            if (!tick.label) return;
            lines.append(svg("path", {d: "M" + px(tick.value).toFixed(1) + " " + area.top + "V" + area.bottom}));
            root.append(words(px(tick.value), area.bottom + 18, tick.label, "middle"));
        });
        root.append(words(area.right, area.bottom + 34, axis === "time" ? "time" : "step", "end"));

        const curves = svg("g", {"clip-path": "url(#area)", fill: "none", "stroke-linejoin": "bevel"});
        root.append(curves);
        for (const line of curveDraw.layers(card.curves, axis, smooth).sort((a, b) => a.alpha - b.alpha)) {
            const d = path(curveDraw.outline(line.xs, line.ys, x.min, x.max, px, py, 1));
            if (d) curves.append(svg("path", {
                d, stroke: line.colour, "stroke-width": 1.5, "stroke-opacity": line.alpha < 1 ? line.alpha : null,
                "stroke-dasharray": line.dash.length ? line.dash.join(" ") : null,
            }));
        }
        card.curves.forEach((curve, i) => {
            const [left, down] = [places[i][0], area.bottom + 52 + 20 * places[i][1]];
            root.append(svg("path", {
                d: "M" + left + " " + (down - 4) + "h22", stroke: curve.colour, "stroke-width": 2,
                "stroke-dasharray": curveDraw.dashOf(curve.variant).join(" ") || null,
            }), words(left + 28, down, names[i], "start", {fill: text}));
        });
        return {text: new XMLSerializer().serializeToString(root), width, height: whole};
    }

    async function picture({text, width: w, height: h}) {
        const address = URL.createObjectURL(new Blob([text], {type: "image/svg+xml"}));
        try {
            const image = new Image();
            image.src = address;
            await image.decode();
            const canvas = el("canvas", {width: 2 * w, height: 2 * h});
            canvas.getContext("2d").drawImage(image, 0, 0, 2 * w, 2 * h);
            return await new Promise((done) => canvas.toBlob(done, "image/png"));
        } finally {
            URL.revokeObjectURL(address);
        }
    }

    /* Each row of the server's download, behind the name of its run. */
    async function rows(card) {
        const runs = new Map();
        for (const {run, name} of card.curves) runs.set(run, [...(runs.get(run) || []), name]);
        const parts = [];
        for (const [run, curve] of runs) {
            const [head, ...lines] = (await server.text("/api/csv", {run, curve})).trimEnd().split("\n");
            if (!parts.length) parts.push("run," + head.trim() + "\n");
            for (const line of lines) parts.push(run + "," + line.trim() + "\n");
        }
        return new Blob(parts, {type: "text/csv"});
    }

    return {
        async save(card, format) {
            const name = card.name.replace(/[^\w.-]+/g, "-");
            try {
                if (format === "CSV") save(await rows(card), name + ".csv");
                else if (!card.chart) notify("Without Chart.js there is no drawing; the values are in the CSV.", true);
                else if (format === "SVG") save(new Blob([drawing(card).text], {type: "image/svg+xml"}), name + ".svg");
                else save(await picture(drawing(card)), name + ".png");
            } catch (error) {
                notify("It was not saved: " + error.message, true);
            }
        },
    };
})();
