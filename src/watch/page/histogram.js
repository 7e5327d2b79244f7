/* How the values of a layer are spread, over time: a map with time to the right and values upwards, the darker the more values, or
 * a row of hills, one behind the other, the last in front. */
"use strict";

const histogram = (() => {
    let shown = null; // {name, kind, looks}
    let way = "map", cursor = null;
    const pad = {left: 58, right: 12, top: 12, bottom: 26};

    /* The least and greatest value of all looks. */
    function span(looks) {
        let low = Infinity, high = -Infinity;
        for (const {layer} of looks) {
            if (layer.min === null || layer.max === null) continue;
            low = Math.min(low, layer.min);
            high = Math.max(high, layer.max);
        }
        if (low > high) return [0, 1];
        return low === high ? [low - 0.5, high + 0.5] : [low, high];
    }

    /* Shares of the values for each of `rows` equal steps from low to high: the bins of a look are spread over them. */
    function rowsOf(layer, low, high, rows) {
        const out = new Float64Array(rows), bins = layer.histogram, all = bins.reduce((a, b) => a + b, 0);
        if (!all || layer.min === null) return out;
        const scale = rows / (high - low), width = (layer.max - layer.min) / bins.length;
        bins.forEach((count, i) => {
            const begin = (layer.min + i * width - low) * scale, end = Math.max(begin + 1e-6, (layer.min + (i + 1) * width - low) * scale);
            for (let r = Math.floor(begin); r < Math.min(rows, end); r++)
                if (r >= 0) out[r] += (count / all) * (Math.min(end, r + 1) - Math.max(begin, r)) / (end - begin);
        });
        return out;
    }

    const rgb = (colour) => colour.match(/[\d.]+/g).slice(0, 3).map(Number);

    function map(context, area, looks, low, high) {
        const rows = 90, wide = looks.length, [r, g, b] = rgb(theme.colour("accent")), ground = rgb(theme.colour("sunk"));
        const columns = looks.map(({layer}) => rowsOf(layer, low, high, rows));
        const most = Math.max(1e-9, ...columns.map((column) => Math.max(...column)));
        const image = new ImageData(wide, rows);
        columns.forEach((column, x) => column.forEach((share, i) => {
            const at = 4 * ((rows - 1 - i) * wide + x), ink = Math.sqrt(share / most); // small shares are to be seen, too
            image.data.set([r, g, b].map((c, k) => ground[k] + (c - ground[k]) * ink).concat(255), at);
        }));
        const small = el("canvas", {width: wide, height: rows});
        small.getContext("2d").putImageData(image, 0, 0);
        context.imageSmoothingEnabled = false;
        context.drawImage(small, area.left, area.top, area.width, area.height);
    }

    function hills(context, area, looks, low, high) {
        const count = Math.min(24, looks.length), rows = 90, some = [];
        for (let i = 0; i < count; i++) some.push(looks[Math.round(i * (looks.length - 1) / Math.max(1, count - 1))]);
        const curves = some.map(({layer}) => rowsOf(layer, low, high, rows));
        const most = Math.max(1e-9, ...curves.map((curve) => Math.max(...curve))), up = area.height * 0.35;
        curves.forEach((curve, i) => {
            const foot = area.top + up + (area.height - up) * ((i + 1) / count);
            context.beginPath();
            context.moveTo(area.left, foot);
            curve.forEach((share, k) => context.lineTo(area.left + area.width * (k + 0.5) / rows, foot - up * share / most));
            context.lineTo(area.left + area.width, foot);
            context.fillStyle = theme.colour("surface");
            context.globalAlpha = 0.85;
            context.fill();
            context.globalAlpha = 0.35 + 0.65 * (i + 1) / count;
            context.strokeStyle = theme.colour("accent");
            context.lineWidth = 1.25;
            context.stroke();
            context.globalAlpha = 1;
        });
        return some;
    }

    const draw = once(() => {
        const canvas = $("#histogram canvas");
        if (!shown || !canvas || canvas.offsetParent === null) return;
        const {looks} = shown, ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
        if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
            canvas.width = Math.round(width * ratio);
            canvas.height = Math.round(height * ratio);
        }
        const context = canvas.getContext("2d");
        context.setTransform(ratio, 0, 0, ratio, 0, 0);
        context.clearRect(0, 0, width, height);
        const area = {left: pad.left, top: pad.top, width: width - pad.left - pad.right, height: height - pad.top - pad.bottom};
        const [low, high] = span(looks);
        context.font = "11px system-ui, sans-serif";
        context.fillStyle = theme.colour("muted");
        const words = (text, x, y, align) => {
            context.textAlign = align;
            context.fillStyle = theme.colour("muted");
            context.fillText(text, x, y);
        };
        if (way === "map") {
            map(context, area, looks, low, high);
            for (let i = 0; i <= 4; i++) {
                const y = area.top + area.height * (1 - i / 4);
                words(say.brief(low + (high - low) * i / 4, 3), area.left - 8, y + 4, "right");
            }
            words(say.short(looks[0].step), area.left, height - 8, "left");
            if (looks.length > 1) words(say.short(looks[looks.length - 1].step), area.left + area.width, height - 8, "right");
            words("step", area.left + area.width / 2, height - 8, "center");
            if (cursor !== null) {
                context.strokeStyle = theme.colour("text");
                context.strokeRect(area.left + area.width * cursor / looks.length, area.top, area.width / looks.length, area.height);
            }
        } else {
            const some = hills(context, area, looks, low, high);
            for (let i = 0; i <= 4; i++) words(say.brief(low + (high - low) * i / 4, 3), area.left + area.width * i / 4, height - 8, i === 0 ? "left" : i === 4 ? "right" : "center");
            some.forEach(({step}, i) => {
                if (i % 4 && i !== some.length - 1) return;
                const up = area.height * 0.35;
                words(say.short(step), area.left - 8, area.top + up + (area.height - up) * ((i + 1) / some.length) + 4, "right");
            });
        }
        describe();
    });

    /* In words: the look under the cursor, or the last. */
    function describe() {
        const {looks} = shown, {step, layer} = looks[Math.min(looks.length - 1, cursor ?? looks.length - 1)];
        const bins = layer.histogram, most = bins.indexOf(Math.max(...bins)), width = (layer.max - layer.min) / bins.length;
        $("#histogram-words").textContent = "Step " + say.count(step) + ": from " + say.number(layer.min, 3) + " to " + say.number(layer.max, 3) +
            ", most between " + say.number(layer.min + most * width, 3) + " and " + say.number(layer.min + (most + 1) * width, 3) + ".";
    }

    return {
        show(name, kind, looks) {
            shown = {name, kind, looks};
            $("#histogram h3").textContent = name + ", " + kind;
            $("#histogram canvas").setAttribute("aria-label", "The spread of the " + kind + " of " + name + " over " + looks.length +
                " looks. Arrow keys go through them.");
            draw();
        },
        start() {
            const canvas = $("#histogram canvas");
            new ResizeObserver(draw).observe(canvas);
            const at = (event) => {
                const box = canvas.getBoundingClientRect(), share = (event.clientX - box.left - pad.left) / (box.width - pad.left - pad.right);
                cursor = share >= 0 && share <= 1 && way === "map" ? Math.min(shown.looks.length - 1, Math.floor(share * shown.looks.length)) : null;
                draw();
            };
            canvas.addEventListener("pointermove", at);
            canvas.addEventListener("pointerdown", at);
            canvas.addEventListener("pointerleave", () => {
                cursor = null;
                draw();
            });
            canvas.addEventListener("keydown", (event) => {
                const move = {ArrowLeft: -1, ArrowRight: 1}[event.key];
                if (!move || !shown) return;
                event.preventDefault();
                cursor = Math.max(0, Math.min(shown.looks.length - 1, (cursor ?? shown.looks.length - 1) + move));
                draw();
            });
            for (const button of document.querySelectorAll("#histogram-ways button"))
                button.addEventListener("click", () => {
                    way = button.dataset.way;
                    cursor = null;
                    for (const other of document.querySelectorAll("#histogram-ways button")) other.setAttribute("aria-pressed", other === button);
                    draw();
                });
            bus.on("theme", draw);
        },
    };
})();
