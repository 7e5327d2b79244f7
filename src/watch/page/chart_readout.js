/* Reads a chart off: a line at one step through all charts, points on the curves, and a list of their values. It is
 * drawn on a canvas of its own above the chart, so that moving the mouse draws no curve again. */
"use strict";

const chartReadout = (() => {
    let at = null; // where on the x axis
    let card = null; // the chart that shows the values
    let cards = () => [];

    /* Of each curve the point nearest to x, when it is near enough to be meant. */
    function read(of, x) {
        const {x: axis, smooth} = state.now, scale = of.chart.scales.x, pixel = scale.getPixelForValue(x), found = [];
        for (const curve of of.curves) {
            const xs = curve.series.x(axis), i = Series.nearest(xs, x);
            if (i < 0) continue;
            const crowd = xs.length > 1 ? (xs[xs.length - 1] - xs[0]) / (xs.length - 1) : 0;
            if (Math.abs(xs[i] - x) > 2 * crowd && Math.abs(scale.getPixelForValue(xs[i]) - pixel) > 12) continue;
            found.push({curve, x: xs[i], value: curve.series.smooth(smooth)[i], raw: curve.series.values[i]});
        }
        return found;
    }

    /* What tells a curve from the others of its chart. */
    function name(of, curve) {
        const several = of.curves.some((other) => other.run !== curve.run);
        return [several || !curve.part ? curve.run : "", curve.part].filter(Boolean).join(" · ");
    }

    const words = (x) => (state.now.x === "time" ? say.duration(x) : "step " + say.count(x));

    function draw(of) {
        if (!of.chart) return;
        const {over, chart} = of, ratio = chart.currentDevicePixelRatio, area = chart.chartArea;
        if (over.width !== chart.canvas.width || over.height !== chart.canvas.height) {
            over.width = chart.canvas.width;
            over.height = chart.canvas.height;
        }
        const context = over.getContext("2d");
        context.setTransform(ratio, 0, 0, ratio, 0, 0);
        context.clearRect(0, 0, chart.width, chart.height);
        if (of.band) {
            const {left, right, top, bottom} = of.band;
            context.fillStyle = context.strokeStyle = theme.colour("accent");
            context.globalAlpha = 0.12;
            context.fillRect(left, top, right - left, bottom - top);
            context.globalAlpha = 0.8;
            context.lineWidth = 1;
            const edge = [left, top, right - left, bottom - top].map(Math.round);
            context.strokeRect(edge[0] + 0.5, edge[1] + 0.5, edge[2], edge[3]);
            context.globalAlpha = 1;
        }
        const x = at === null ? NaN : chart.scales.x.getPixelForValue(at);
        if (!(x >= area.left - 1 && x <= area.right + 1)) {
            of.readout.hidden = true;
            return;
        }
        context.fillStyle = theme.colour("muted");
        context.globalAlpha = 0.5;
        context.fillRect(Math.round(x), area.top, 1, area.bottom - area.top);
        context.globalAlpha = 1;
        const found = read(of, at);
        for (const {curve, x: place, value} of found) {
            const [px, py] = [chart.scales.x.getPixelForValue(place), chart.scales.y.getPixelForValue(value)];
            if (!(py >= area.top - 2 && py <= area.bottom + 2)) continue;
            context.beginPath();
            context.arc(px, py, 3.5, 0, 7);
            context.fillStyle = curve.colour;
            context.fill();
            context.lineWidth = 1.5;
            context.strokeStyle = theme.colour("surface");
            context.stroke();
        }
        if (of === card) list(of, found, x);
        else of.readout.hidden = true;
    }

    function list(of, found, x) {
        const {readout, chart} = of;
        found.sort((a, b) => b.value - a.value);
        readout.hidden = found.length === 0;
        if (!found.length) return;
        const column = chart.scales.x.getPixelForValue(at);
        readout.replaceChildren(el("b", {}, words(at)), ...found.slice(0, 24).map(({curve, x: place, value, raw}) => {
            const elsewhere = Math.abs(chart.scales.x.getPixelForValue(place) - column) > 1.5;
            return el("div", {},
                curveDraw.sample(curve.colour, curve.variant, 16),
                el("span.name", {}, name(of, curve)),
                elsewhere ? el("small", {}, words(place).replace("step ", "at ")) : null,
                el("span.value", {}, say.number(value)),
                state.now.smooth && !elsewhere ? el("small.raw", {}, say.number(raw)) : null);
        }), found.length > 24 ? el("small", {}, "and " + (found.length - 24) + " more, in the table below") : "");
        const right = x > chart.width / 2;
        readout.style.left = right ? "auto" : Math.round(x + 14) + "px";
        readout.style.maxWidth = Math.round(Math.max(270, (right ? x : chart.width - x) - 18)) + "px";
        readout.style.right = right ? Math.round(chart.width - x + 14) + "px" : "auto";
    }

    const drawAll = once(() => cards().forEach(draw));

    return {
        draw,
        name,
        start: (all) => (cards = all),
        get at() { return at; },
        /* Moves it to the step nearest to x that a curve of this chart has. */
        move(of, x) {
            if (!of.curves.length) return;
            let best = null;
            for (const {series} of of.curves) {
                const xs = series.x(state.now.x), i = Series.nearest(xs, x);
                if (i >= 0 && (best === null || Math.abs(xs[i] - x) < Math.abs(best - x))) best = xs[i];
            }
            at = best;
            card = of;
            drawAll();
        },
        /* To the next point before or behind, of the curve that has most; read out. */
        step(of, count) {
            const all = of.curves.map((curve) => curve.series.x(state.now.x));
            const xs = all.reduce((a, b) => (a.length >= b.length ? a : b), []), {min, max} = of.chart.scales.x;
            if (!xs.length) return;
            const first = Series.from(xs, min), last = Math.max(first, Series.from(xs, max + 1e-9) - 1);
            const i = at === null ? (count > 0 ? first : last) : Series.nearest(xs, at) + count;
            at = xs[Math.min(last, Math.max(first, i))];
            card = of;
            drawAll();
            const found = read(of, at).sort((a, b) => b.value - a.value);
            $("#spoken").textContent = words(at) + ": " + found.slice(0, 8).map(({curve, value}) =>
                [curve.run, curve.part, say.number(value)].filter(Boolean).join(" ")).join(", ");
        },
        clear() {
            at = card = null;
            drawAll();
        },
        again: drawAll,
    };
})();
