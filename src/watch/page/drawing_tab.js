/* A canvas to draw on, and what the net of the current run makes of the drawing: bars of probabilities. The drawing is
 * kept in 8 times the net's size; what is sent is the mean of each 8 × 8 square, moved so that its centre of mass is in
 * the middle, as the digits of MNIST are. */
"use strict";

const drawingTab = (() => {
    const fine = 8;
    let size = null; // {height, width} that the net takes
    let ink = null; // Float32Array of the fine picture, 0 to 1
    let brush = null; // {x, y} in net's pixels, where the keys' brush is
    let waiting = false, dirty = false, last = null; // for the answer; drawn since; the answer

    const canvas = () => $("#drawing");
    const cut = (value, most) => Math.max(0, Math.min(most, value));

    function reset() {
        ink = new Float32Array(size.height * fine * size.width * fine);
        last = null;
        brush = {x: size.width / 2, y: size.height / 2};
        paint();
        showAnswer();
    }

    /* A round spot with a soft edge. */
    function spot(x, y) {
        const radius = Number($("#brush").value) * fine / 2, wide = size.width * fine, high = size.height * fine;
        const [cx, cy] = [x * fine, y * fine];
        for (let j = Math.max(0, Math.floor(cy - radius - 2)); j < Math.min(high, cy + radius + 2); j++)
            for (let i = Math.max(0, Math.floor(cx - radius - 2)); i < Math.min(wide, cx + radius + 2); i++) {
                const far = Math.hypot(i + 0.5 - cx, j + 0.5 - cy), value = cut((radius - far) / 4 + 0.5, 1);
                if (value > ink[j * wide + i]) ink[j * wide + i] = value;
            }
    }

    function line(from, to) {
        const [x, y] = [to.x - from.x, to.y - from.y], steps = Math.max(1, Math.ceil(Math.hypot(x, y) * 4));
        for (let i = 0; i <= steps; i++) spot(from.x + x * i / steps, from.y + y * i / steps);
        dirty = true;
        paint();
        give();
    }

    /* What the net gets: bytes, row by row. */
    function reduced() {
        const {height, width} = size, wide = width * fine;
        const small = new Float64Array(height * width);
        ink.forEach((value, at) => {
            const i = Math.floor((at % wide) / fine), j = Math.floor(at / wide / fine);
            small[j * width + i] += value / (fine * fine);
        });
        let mass = 0, x = 0, y = 0;
        small.forEach((value, k) => {
            mass += value;
            x += value * (k % width);
            y += value * Math.floor(k / width);
        });
        const centre = $("#centre").checked && mass > 0;
        const dx = centre ? Math.round((width - 1) / 2 - x / mass) : 0;
        const dy = centre ? Math.round((height - 1) / 2 - y / mass) : 0;
        const out = new Array(height * width).fill(0);
        for (let j = 0; j < height; j++)
            for (let i = 0; i < width; i++) {
                const [a, b] = [i - dx, j - dy];
                const inside = a >= 0 && a < width && b >= 0 && b < height;
                if (inside) out[j * width + i] = Math.round(255 * Math.min(1, small[b * width + a]));
            }
        return {pixels: out, mass};
    }

    const paint = once(() => {
        if (!size) return;
        const image = new ImageData(size.width * fine, size.height * fine), context = canvas().getContext("2d");
        ink.forEach((value, i) => image.data.set([255 * value, 255 * value, 255 * value, 255], 4 * i));
        context.putImageData(image, 0, 0);
        if (canvas().matches(":focus-visible")) { // the keys' brush
            context.strokeStyle = theme.colour("accent");
            context.lineWidth = 2;
            context.beginPath();
            context.arc(brush.x * fine, brush.y * fine, Number($("#brush").value) * fine / 2, 0, 7);
            context.stroke();
        }
        const small = $("#drawing-small").getContext("2d"), seen = new ImageData(size.width, size.height);
        reduced().pixels.forEach((value, i) => seen.data.set([value, value, value, 255], 4 * i));
        small.putImageData(seen, 0, 0);
    });

    /* One question at a time: the next is asked when the answer is there, or does not come. */
    const give = later(40, async () => {
        const run = store.current();
        if (!dirty || waiting || !run || !run.live || !size) return;
        const {pixels, mass} = reduced();
        dirty = false;
        if (!mass) return;
        waiting = true;
        clearTimeout(give.patience);
        give.patience = setTimeout(answered, 2000);
        try {
            await server.post("/api/draw", {run: run.name, pixels});
        } catch (error) {
            notify(error.message, true);
            answered();
        }
    });

    function answered() {
        clearTimeout(give.patience);
        waiting = false;
        if (dirty) give();
    }

    /* ---- the answer ---- */

    let classes = null; // what they are called, as the last evaluation says
    async function learnNames() {
        const run = store.current();
        classes = null;
        if (!run || run.evaluation === null || run.evaluation === undefined) return;
        try {
            const answer = await server.get("/api/evaluation", {run: run.name});
            if (store.current()?.name !== run.name) return;
            classes = answer.classes;
            if (size) showAnswer();
        } catch {
            // numbers will do
        }
    }

    function showAnswer() {
        const list = $("#probabilities");
        $("#guess").textContent = last ? "" : "Draw something: what the net takes it for is shown here.";
        if (!last) return list.replaceChildren();
        const nameOf = (i) => classes?.[i] ?? String(i), order = last.map((p, i) => [p ?? 0, i]);
        const most = order.reduce((a, b) => (b[0] > a[0] ? b : a));
        const rows = last.length <= 20 ? order : [...order].sort((a, b) => b[0] - a[0]).slice(0, 10);
        $("#guess").replaceChildren(el("b", {}, nameOf(most[1])), " " + say.percent(most[0]));
        list.replaceChildren(...rows.map(([p, i]) => {
            const share = "--share: " + (100 * p).toFixed(1) + "%";
            const bar = el("span.bar", {"aria-hidden": "true", style: share}, el("i"));
            return el("li" + (i === most[1] ? ".most" : ""), {},
                el("span.class", {}, nameOf(i)), bar, el("span.value", {}, say.percent(p)));
        }));
    }

    const speak = later(700, () => {
        if (last) $("#spoken").textContent = "It is taken for " + $("#guess").textContent;
    });

    /* ---- */

    function render() {
        const run = store.current(), now = run && run.live && run.drawing ? run.drawing : null;
        $("#drawing-empty").hidden = Boolean(now);
        $("#drawing-empty").textContent = !run ? "" : run.live ?
            "This run takes no drawings. fac_run_drawing(run, model, 28, 28) in its program makes it do so." :
            "This run has ended. Only the program that trains can classify a drawing, while it goes on.";
        $("#drawing-body").hidden = !now;
        if (!now) {
            size = null;
            return;
        }
        if (size && size.height === now.height && size.width === now.width) return;
        size = {...now};
        Object.assign(canvas(), {width: size.width * fine, height: size.height * fine});
        Object.assign($("#drawing-small"), {width: size.width, height: size.height});
        canvas().style.aspectRatio = size.width + " / " + size.height;
        reset();
        waiting = dirty = false;
    }

    function pointer() {
        let at = null;
        const place = (event) => {
            const box = canvas().getBoundingClientRect();
            return {
                x: (event.clientX - box.left) / box.width * size.width,
                y: (event.clientY - box.top) / box.height * size.height,
            };
        };
        canvas().addEventListener("pointerdown", (event) => {
            if (event.button !== 0 || !size) return;
            canvas().setPointerCapture(event.pointerId);
            at = place(event);
            line(at, at);
        });
        canvas().addEventListener("pointermove", (event) => {
            if (!at) return;
            for (const one of event.getCoalescedEvents?.() ?? [event]) {
                const next = place(one);
                line(at, next);
                at = next;
            }
        });
        for (const name of ["pointerup", "pointercancel"]) canvas().addEventListener(name, () => (at = null));
    }

    function keys() {
        let down = false; // Space is held, or the pen was put down by Enter
        canvas().addEventListener("keydown", (event) => {
            if (event.ctrlKey || event.metaKey || event.altKey || !size) return;
            const move = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
            if (move) {
                const next = {x: cut(brush.x + move[0], size.width), y: cut(brush.y + move[1], size.height)};
                if (down || event.shiftKey) line(brush, next);
                brush = next;
                paint();
            } else if (event.key === " ") {
                down = true;
                line(brush, brush);
            } else if (event.key === "Enter") {
                down = !down;
                $("#spoken").textContent = down ? "The pen is down." : "The pen is up.";
                if (down) line(brush, brush);
            } else if (event.key === "Delete" || event.key === "Backspace") reset();
            else return;
            event.preventDefault();
            event.stopPropagation();
        });
        canvas().addEventListener("keyup", (event) => {
            if (event.key === " ") down = false;
        });
        canvas().addEventListener("focus", paint);
        canvas().addEventListener("blur", () => {
            down = false;
            paint();
        });
    }

    return {
        start() {
            bus.on("runs", "current", "reconnected", render);
            bus.on("current", () => {
                size = null;
                render();
                learnNames();
            });
            bus.on("event:evaluation", () => {
                if (!classes) learnNames();
            });
            bus.on("event:drawing", (event) => {
                const run = store.current();
                if (!run || event.run !== run.name) return;
                if (ink && ink.some((value) => value > 0)) { // not the answer to what was cleared since
                    last = event.probabilities;
                    showAnswer();
                    speak();
                }
                answered();
            });
            $("#clear-drawing").addEventListener("click", reset);
            $("#centre").addEventListener("change", () => {
                dirty = true;
                paint();
                give();
            });
            pointer();
            keys();
        },
    };
})();
