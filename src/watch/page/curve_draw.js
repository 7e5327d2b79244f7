/* Draws curves on a chart of Chart.js. The library makes the axes; the lines are drawn here, from plain arrays, because
 * an object for each of some 100,000 points takes longer than a picture may. Of the points that fall into one column
 * of pixels the first, least, greatest and last are drawn: the picture is that of all points. */
"use strict";

const curveDraw = (() => {
    /* How a value becomes a place in pixels: as the scale of Chart.js does it, without a call of it for each point. */
    function projection(scale) {
        const log = scale.type === "logarithmic", low = scale.min, high = scale.max;
        const begin = scale.getPixelForValue(low), end = scale.getPixelForValue(high);
        if (!log) {
            const factor = (end - begin) / (high - low || 1);
            return (value) => begin + (value - low) * factor;
        }
        const base = Math.log(low), factor = (end - begin) / (Math.log(high) - base || 1);
        return (value) => (value > 0 ? begin + (Math.log(value) - base) * factor : NaN);
    }

    let room = new Float32Array(1 << 14); // x, y, x, y…; an x that is NaN: the line is interrupted

    /* The line through the points between left and right, in pixels; how many numbers it is. columns: a pixel. */
    function outline(xs, ys, left, right, px, py, column) {
        let n = 0, at = -1, first = 0, low = 0, high = 0, last = 0, x = 0, open = false;
        const put = (a, b) => {
            if (n + 2 > room.length) {
                const more = new Float32Array(2 * room.length);
                more.set(room);
                room = more;
            }
            room[n++] = a;
            room[n++] = b;
        };
        const flush = () => {
            if (!open) return;
            put(x, first);
            if (low !== first) put(x, low);
            if (high !== low) put(x, high);
            if (last !== high) put(x, last);
            open = false;
        };
        const begin = Math.max(0, Series.from(xs, left) - 1), end = Math.min(xs.length, Series.from(xs, right) + 1);
        for (let i = begin; i < end; i++) {
            const a = px(xs[i]), b = py(ys[i]);
            if (!(Math.abs(b) < 1e6) || !Number.isFinite(a)) { // nothing is there, or it is beyond what can be drawn
                flush();
                if (n && !Number.isNaN(room[n - 2])) put(NaN, NaN);
                at = -1;
                continue;
            }
            const c = Math.floor(a * column);
            if (open && c === at) {
                if (b < low) low = b;
                if (b > high) high = b;
                last = b;
            } else {
                flush();
                at = c;
                x = a;
                first = low = high = last = b;
                open = true;
            }
        }
        flush();
        return n;
    }

    /* How far a line goes up and down, in pixels. */
    function travel(ys, begin, end, py) {
        let sum = 0, last = NaN;
        for (let i = begin; i < end; i++) {
            const y = py(ys[i]), way = Math.abs(y - last);
            if (way < 1e6) sum += way;
            last = y;
        }
        return sum;
    }

    const dashes = [[], [6, 4], [2, 3], [9, 3, 2, 3]];

    const dashOf = (variant) => dashes[variant % dashes.length];

    /* A short piece of a curve's line, for keys and legends. */
    function sample(colour, variant, width) {
        return svg("svg", {width, height: 8, "aria-hidden": "true"}, svg("path", {
            d: "M0 4h" + width, stroke: colour, "stroke-width": 2, "stroke-dasharray": dashOf(variant).join(" "),
        }));
    }

    /* The lines to be drawn. Of a curve that is smoothed the values themselves are faint behind it, unless it is one of
     * so many that these would hide each other. */
    function layers(curves, axis, share) {
        return curves.flatMap(({series, colour, variant}) => {
            const xs = series.x(axis), ys = series.smooth(share), dash = dashOf(variant);
            const line = {xs, ys, colour, dash, alpha: 1, raw: !share};
            if (!share || curves.length > 10) return [line];
            return [{...line, ys: series.values, dash: [], alpha: 0.22, raw: true}, line];
        });
    }

    /* A browser strokes a rough line that is one pixel wide some ten times quicker than a wider one. So one that fills
     * an area is drawn with a hair, which is the clearer, too, and where there are many others they are drawn with
     * several hairs side by side. */
    function hairs(line, ratio) {
        if (ratio > 1) return [[0.5, 0], [-0.5, 0], [0, 0.5], [0, -0.5]];
        return line.dash.length ? [[0.5, 0.5]] : [[0.6, 0], [0, 0.6]];
    }

    function stroke(context, line, px, py, left, right, ratio) {
        const n = outline(line.xs, line.ys, left, right, px, py, ratio);
        if (n === 0) return;
        context.beginPath();
        let up = true;
        for (let i = 0; i < n; i += 2) {
            if (Number.isNaN(room[i])) up = true;
            else if (up) {
                context.moveTo(room[i], room[i + 1]);
                if (i + 2 >= n || Number.isNaN(room[i + 2])) context.lineTo(room[i] + 1, room[i + 1]); // a point alone
                up = false;
            } else context.lineTo(room[i], room[i + 1]);
        }
        if (line.halo) { // so that it stands out from what is drawn behind it
            context.lineWidth = 4;
            context.setLineDash([]);
            context.globalAlpha = 0.6;
            context.strokeStyle = theme.colour("surface");
            context.stroke();
        }
        context.setLineDash(line.crowded ? [] : line.dash);
        context.globalAlpha = (line.crowded ? 0.55 : 1) * line.alpha;
        context.strokeStyle = line.colour;
        context.lineWidth = line.pen === "wide" ? 1.75 : 1 / ratio;
        context.stroke();
        if (line.pen === "hairs")
            for (const [x, y] of hairs(line, ratio)) {
                context.translate(x, y);
                context.stroke();
                context.translate(-x, -y);
            }
    }

    /* A cross at the lower edge where a value was no number, a triangle at the upper or lower one where infinite. */
    function marks(context, curve, area, px, left, right) {
        context.globalAlpha = 1;
        context.strokeStyle = context.fillStyle = curve.colour;
        context.lineWidth = 1.5;
        context.setLineDash([]);
        for (const [step, what] of curve.series.odd) {
            if (step < left || step > right) continue;
            const x = px(step);
            context.beginPath();
            if (what === "nan") {
                context.moveTo(x - 3, area.bottom - 9);
                context.lineTo(x + 3, area.bottom - 3);
                context.moveTo(x + 3, area.bottom - 9);
                context.lineTo(x - 3, area.bottom - 3);
                context.stroke();
            } else {
                const [tip, foot] = what === "inf" ? [area.top + 2, area.top + 9] : [area.bottom - 2, area.bottom - 9];
                context.moveTo(x, tip);
                context.lineTo(x - 4, foot);
                context.lineTo(x + 4, foot);
                context.fill();
            }
        }
    }

    /* A chart has one dataset of this type, with `curves`, `axis` and `smooth`. */
    function register() {
        class Curves extends Chart.DatasetController {
            parse() {}
            buildOrUpdateElements() {}
            update() {}
            reset() {}
            getMaxOverflow() {
                return 0;
            }
            getMinMax() {
                return {min: Infinity, max: -Infinity}; // the axes are told their ends
            }
            draw() {
                const {ctx, chartArea, scales, currentDevicePixelRatio: ratio} = this.chart;
                const {curves, axis, smooth} = this.getDataset(), tall = chartArea.bottom - chartArea.top;
                const px = projection(scales.x), py = projection(scales.y), left = scales.x.min, right = scales.x.max;
                ctx.save();
                ctx.lineJoin = "bevel";
                const lines = layers(curves, axis, smooth);
                for (const line of lines) {
                    const way = () => travel(line.ys, Series.from(line.xs, left), Series.from(line.xs, right), py);
                    line.crowded = line.raw && way() > 8 * tall;
                    line.place = line.alpha < 1 ? 0 : line.crowded ? 1 : 2; // behind, or in front
                    line.pen = line.crowded || line.alpha < 1 ? "hair" : lines.length > 8 ? "hairs" : "wide";
                }
                lines.sort((a, b) => a.place - b.place);
                if (lines.length <= 8 && lines[0]?.place < 2) for (const line of lines) line.halo = line.place === 2;
                for (const line of lines) stroke(ctx, line, px, py, left, right, ratio);
                if (axis === "step") for (const curve of curves) marks(ctx, curve, chartArea, px, left, right);
                ctx.restore();
            }
        }
        Curves.id = "curves";
        Curves.defaults = {dataElementType: "point", datasetElementType: null};
        Chart.register(Curves);
    }

    return {register, projection, outline, layers, sample, dashOf, points: () => room};
})();
