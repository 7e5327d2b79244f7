/* How the values of a layer are spread, over time: a map with time to the right and values upwards, the darker the more
 * values, or a row of hills, one behind the other, the last in front. */
"use strict";

const histogram = (() => {
    let looks = []; // {step, layer} of what is shown
    let way = "map", cursor = null; // cursor: the look whose words are shown
    const pad = {left: 58, right: 12, top: 12, bottom: 26}, rows = 90;

    /* The least and greatest value of all looks. */
    function span() {
        const known = looks.map(({layer}) => layer).filter((layer) => layer.min !== null && layer.max !== null);
        if (!known.length) return [0, 1];
        const low = Math.min(...known.map((layer) => layer.min)), high = Math.max(...known.map((layer) => layer.max));
        return low === high ? [low - 0.5, high + 0.5] : [low, high];
    }

    /* The share of the values in each of `rows` equal steps from low to high: a look's bins are spread over them. */
    function rowsOf(layer, low, high) {
        const out = new Float64Array(rows), bins = layer.histogram, all = bins.reduce((a, b) => a + b, 0);
        if (!all || layer.min === null) return out;
        const scale = rows / (high - low), width = (layer.max - layer.min) / bins.length;
        bins.forEach((count, i) => {
            const begin = (layer.min + i * width - low) * scale, end = begin + Math.max(1e-6, width * scale);
            for (let r = Math.max(0, Math.floor(begin)); r < Math.min(rows, end); r++)
                out[r] += (count / all) * (Math.min(end, r + 1) - Math.max(begin, r)) / (end - begin);
        });
        return out;
    }

    const greatest = (lists) => Math.max(1e-9, ...lists.map((list) => Math.max(...list)));
    const rgb = (colour) => colour.match(/[\d.]+/g).slice(0, 3).map(Number);

    function words(context, text, x, y, align) {
        context.textAlign = align;
        context.fillStyle = theme.colour("muted");
        context.fillText(text, x, y);
    }

    /* ---- the two ways ---- */

    function drawMap(context, area, low, high) {
        const wide = looks.length, ink = rgb(theme.colour("accent")), ground = rgb(theme.colour("sunk"));
        const columns = looks.map(({layer}) => rowsOf(layer, low, high)), most = greatest(columns);
        const image = new ImageData(wide, rows);
        columns.forEach((column, x) => column.forEach((share, i) => {
            const strength = Math.sqrt(share / most); // small shares are to be seen, too
            const colour = ground.map((c, k) => c + (ink[k] - c) * strength);
            image.data.set([...colour, 255], 4 * ((rows - 1 - i) * wide + x));
        }));
        const small = el("canvas", {width: wide, height: rows});
        small.getContext("2d").putImageData(image, 0, 0);
        context.imageSmoothingEnabled = false;
        context.drawImage(small, area.left, area.top, area.width, area.height);

        for (let i = 0; i <= 4; i++) {
            const value = low + (high - low) * i / 4, y = area.top + area.height * (1 - i / 4);
            words(context, say.brief(value, 3), area.left - 8, y + 4, "right");
        }
        words(context, say.short(looks[0].step), area.left, area.foot, "left");
        words(context, "step", area.left + area.width / 2, area.foot, "center");
        if (wide > 1) words(context, say.short(looks[wide - 1].step), area.left + area.width, area.foot, "right");
        if (cursor === null) return;
        const one = area.width / wide;
        context.strokeStyle = theme.colour("text");
        context.strokeRect(area.left + one * cursor, area.top, one, area.height);
    }

    function drawHills(context, area, low, high) {
        const count = Math.min(24, looks.length), up = area.height * 0.35;
        const pick = (i) => looks[Math.round(i * (looks.length - 1) / Math.max(1, count - 1))];
        const some = Array.from({length: count}, (_, i) => pick(i));
        const curves = some.map(({layer}) => rowsOf(layer, low, high)), most = greatest(curves);
        curves.forEach((curve, i) => {
            const foot = area.top + up + (area.height - up) * ((i + 1) / count);
            context.beginPath();
            context.moveTo(area.left, foot);
            curve.forEach((share, k) =>
                context.lineTo(area.left + area.width * (k + 0.5) / rows, foot - up * share / most));
            context.lineTo(area.left + area.width, foot);
            context.fillStyle = theme.colour("surface");
            context.globalAlpha = 0.85;
            context.fill();
            context.strokeStyle = theme.colour("accent");
            context.globalAlpha = 0.35 + 0.65 * (i + 1) / count;
            context.lineWidth = 1.25;
            context.stroke();
            context.globalAlpha = 1;
            const named = i % 4 === 0 || i === count - 1;
            if (named) words(context, say.short(some[i].step), area.left - 8, foot + 4, "right");
        });
        for (let i = 0; i <= 4; i++) {
            const value = low + (high - low) * i / 4, align = ["left", "center", "center", "center", "right"][i];
            words(context, say.brief(value, 3), area.left + area.width * i / 4, area.foot, align);
        }
    }

    const draw = once(() => {
        const canvas = $("#histogram canvas");
        if (!looks.length || canvas.offsetParent === null) return;
        const ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
        if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
            canvas.width = Math.round(width * ratio);
            canvas.height = Math.round(height * ratio);
        }
        const context = canvas.getContext("2d");
        context.setTransform(ratio, 0, 0, ratio, 0, 0);
        context.clearRect(0, 0, width, height);
        context.font = "11px system-ui, sans-serif";
        const area = {
            left: pad.left, top: pad.top, foot: height - 8,
            width: width - pad.left - pad.right, height: height - pad.top - pad.bottom,
        };
        (way === "map" ? drawMap : drawHills)(context, area, ...span());
        describe();
    });

    /* In words: the look under the cursor, or the last. */
    function describe() {
        const {step, layer} = looks[Math.min(looks.length - 1, cursor ?? looks.length - 1)];
        const {min, max, histogram: bins} = layer;
        const most = bins.indexOf(Math.max(...bins)), edge = (i) => say.number(min + (max - min) * i / bins.length, 3);
        $("#histogram-words").textContent = "Step " + say.count(step) + ": " + (min === null ? "nothing finite." :
            `from ${edge(0)} to ${edge(bins.length)}, most between ${edge(most)} and ${edge(most + 1)}.`);
    }

    function listen(canvas) {
        const point = (event) => {
            const box = canvas.getBoundingClientRect();
            const share = (event.clientX - box.left - pad.left) / (box.width - pad.left - pad.right);
            const inside = share >= 0 && share < 1 && way === "map";
            cursor = inside ? Math.floor(share * looks.length) : null;
            draw();
        };
        canvas.addEventListener("pointermove", point);
        canvas.addEventListener("pointerdown", point);
        canvas.addEventListener("pointerleave", () => {
            cursor = null;
            draw();
        });
        canvas.addEventListener("keydown", (event) => {
            const move = {ArrowLeft: -1, ArrowRight: 1}[event.key];
            if (!move || !looks.length) return;
            event.preventDefault();
            cursor = Math.max(0, Math.min(looks.length - 1, (cursor ?? looks.length - 1) + move));
            draw();
        });
    }

    return {
        /* looks: {step, layer}, the oldest first */
        show(name, kind, newLooks) {
            looks = newLooks;
            $("#histogram h3").textContent = name + ", " + kind;
            $("#histogram canvas").setAttribute("aria-label", "The spread of the " + kind + " of " + name + " over " +
                looks.length + " looks. Arrow keys go through them.");
            draw();
        },
        start() {
            const canvas = $("#histogram canvas"), ways = [...document.querySelectorAll("#histogram-ways button")];
            new ResizeObserver(draw).observe(canvas);
            listen(canvas);
            for (const button of ways)
                button.addEventListener("click", () => {
                    way = button.dataset.way;
                    cursor = null;
                    for (const other of ways) other.setAttribute("aria-pressed", other === button);
                    draw();
                });
            bus.on("theme", draw);
        },
    };
})();
