/* The curves of loss and of right answers. */
"use strict";

const plots = (() => {
    const room = {left: 40, right: 10, top: 8, bottom: 22};
    let curve = {epochs: [], loss: [[], []], accuracy: [[], []]}, at = null; // at: the index that is read out

    let look = null, data = curve; // data: the curve and where the training is now

    function join() {
        const last = curve.epochs[curve.epochs.length - 1];
        data = curve;
        if (!look || !(look.epoch > last)) return;
        const added = (values, value) => [...values, value];
        data = {epochs: added(curve.epochs, look.epoch)};
        for (const kind of ["loss", "accuracy"]) data[kind] = curve[kind].map((values, i) => added(values, look.score[kind][i]));
    }

    /* "Nice" places for about `count` ticks. */
    function ticks(low, high, count) {
        const rough = (high - low) / count, unit = 10 ** Math.floor(Math.log10(rough));
        const step = [1, 2, 5, 10].map((n) => n * unit).find((n) => n >= rough), list = [];
        for (let x = Math.ceil(low / step) * step; x <= high + step * 1e-6; x += step) list.push(Number(x.toPrecision(10)));
        return list;
    }

    function axis(kind, log) {
        if (kind === "accuracy") return {low: 0, high: 100, ticks: [0, 50, 100], of: (v) => v / 100};
        const values = data.loss.flat().filter((v) => v !== null && (!log || v > 0));
        let high = Math.max(...values, log ? 1e-3 : 0.01), low = log ? Math.min(...values, high / 10) : 0;
        if (log) {
            low = 10 ** Math.floor(Math.log10(Math.max(low, 1e-12)));
            high = 10 ** Math.ceil(Math.log10(high));
            const first = Math.log10(low), last = Math.log10(high), every = Math.ceil((last - first) / 4), list = [];
            for (let e = first; e <= last; e += every) list.push(10 ** e);
            return {low, high, ticks: list, of: (v) => (v > 0 ? Math.max(0, (Math.log10(v) - first) / (last - first)) : 0)};
        }
        // A few wild values in the beginning shall not press the rest flat.
        const sorted = [...values].sort((a, b) => a - b), usual = sorted[Math.floor(0.97 * sorted.length)] || high;
        high = Math.min(high, Math.max(usual * 1.6, 0.01));
        return {low, high, ticks: ticks(0, high, 3), of: (v) => Math.min(1.05, v / high)};
    }

    function draw(kind, canvas) {
        const width = canvas.parentElement.clientWidth, height = 128, context = paint.fit(canvas, width, height);
        canvas.style.height = height + "px";
        const w = width - room.left - room.right, h = height - room.top - room.bottom;
        const y = axis(kind, kind === "loss" && settings.view.log === "1"), last = data.epochs[data.epochs.length - 1] || 1;
        const px = (epoch) => room.left + w * epoch / last, py = (v) => room.top + h * (1 - y.of(v));
        context.clearRect(0, 0, width, height);
        context.font = "11px system-ui, sans-serif";
        context.fillStyle = theme.colour("muted");
        context.strokeStyle = theme.colour("line");
        context.lineWidth = 1;
        context.textAlign = "right";
        for (const v of y.ticks) {
            const place = Math.round(py(v)) + 0.5;
            context.beginPath();
            context.moveTo(room.left, place), context.lineTo(width - room.right, place);
            context.stroke();
            context.fillText(v !== 0 && Math.abs(v) < 1e-3 ? v.toExponential(0).replace("e-", "e−") : say.short(v), room.left - 6, place + 4);
        }
        const marks = ticks(0, last, Math.max(2, Math.floor(w / 90))).filter(Number.isInteger);
        for (const epoch of marks) {
            context.textAlign = epoch === 0 ? "left" : px(epoch) > width - 24 ? "right" : "center";
            context.fillText(say.short(epoch), Math.min(px(epoch), width - 2), height - 6);
        }
        context.save();
        context.beginPath();
        context.rect(room.left, 0, w + room.right, height - room.bottom + 2);
        context.clip();
        [1, 0].forEach((which) => line(context, data[kind][which], px, py, which));
        if (at !== null && at < data.epochs.length) {
            context.strokeStyle = theme.colour("text");
            context.globalAlpha = 0.5;
            context.beginPath();
            context.moveTo(px(data.epochs[at]), room.top), context.lineTo(px(data.epochs[at]), height - room.bottom);
            context.stroke();
        }
        context.restore();
    }

    function line(context, values, px, py, which) {
        context.strokeStyle = theme.colour(which ? "test" : "train");
        context.lineWidth = which ? 1.6 : 2;
        context.setLineDash(which ? [5, 3] : []);
        context.beginPath();
        let up = true;
        values.forEach((v, i) => {
            if (v === null) up = true;
            else if (up) context.moveTo(px(data.epochs[i]), py(v)), (up = false);
            else context.lineTo(px(data.epochs[i]), py(v));
        });
        context.stroke();
        context.setLineDash([]);
    }

    function caption(kind, digits) {
        const i = at === null || at >= data.epochs.length ? data.epochs.length - 1 : at;
        const number = (v) => (v === null || v === undefined ? "–" : kind === "loss" ? say.number(v, digits) : v.toFixed(1));
        const title = kind === "loss" ? "Loss" : "Right answers, %";
        if (i < 0) return title;
        const tested = data[kind][1].some((v) => v !== null);
        return title + " " + number(data[kind][0][i]) + (tested ? ", tested " + number(data[kind][1][i]) : "") + (at === null ? "" : " after epoch " + say.count(data.epochs[i]));
    }

    function drawAll() {
        for (const kind of ["loss", "accuracy"]) {
            const canvas = $("#" + kind + "-plot"), text = caption(kind, 4);
            draw(kind, canvas);
            $("#" + kind + "-caption").textContent = text;
            canvas.setAttribute("aria-label", text + ". Arrow keys read along the curve.");
        }
    }
    const redraw = once(drawAll);

    function pointAt(canvas, event) {
        const box = canvas.getBoundingClientRect(), share = (event.clientX - box.left - room.left) / (box.width - room.left - room.right);
        const epoch = share * (data.epochs[data.epochs.length - 1] || 0);
        at = data.epochs.reduce((best, e, i) => (Math.abs(e - epoch) < Math.abs(data.epochs[best] - epoch) ? i : best), 0);
        redraw();
    }

    return {
        start() {
            for (const canvas of [$("#loss-plot"), $("#accuracy-plot")]) {
                canvas.addEventListener("pointermove", (event) => pointAt(canvas, event));
                for (const name of ["pointerleave", "blur"])
                    canvas.addEventListener(name, () => {
                        at = null;
                        redraw();
                    });
                canvas.addEventListener("keydown", (event) => {
                    const count = data.epochs.length, by = {ArrowLeft: -1, ArrowRight: 1, PageDown: -20, PageUp: 20, Home: -1e9, End: 1e9}[event.key];
                    if (!by || !count) return;
                    at = Math.max(0, Math.min(count - 1, (at === null ? count - 1 : at) + by));
                    event.preventDefault();
                    redraw();
                });
                new ResizeObserver(redraw).observe(canvas.parentElement);
            }
            bus.on("curve", (fresh) => {
                curve = fresh;
                join();
                redraw();
            });
            bus.on("look", (fresh) => {
                look = fresh;
                join();
                redraw();
            });
            bus.on("theme", "view", redraw);
            $("#log-loss").addEventListener("change", (event) => settings.setView({log: event.target.checked ? "1" : "0"}));
            bus.on("view", () => ($("#log-loss").checked = settings.view.log === "1"));
        },
    };
})();
