/* The plane: what the network answers in every place, the points, and a pen to add some. A neuron that the pointer is at may borrow it
 * to show what it gives. */
"use strict";

const plane = (() => {
    let look = null, points = {window: [-0.5, 1.5, -0.5, 1.5], train: [], test: [], own: 0}, borrowed = null;
    let cross = null, pointer = null; // places: of the keyboard's cross, of the pointer
    let side = 0;

    const pen = () => $("input[name=pen]:checked").value;
    const across = (x) => (x - points.window[0]) / (points.window[1] - points.window[0]) * side;
    const down = (y) => (points.window[3] - y) / (points.window[3] - points.window[2]) * side;
    const place = (px, py) => [points.window[0] + px / side * (points.window[1] - points.window[0]), points.window[3] - py / side * (points.window[3] - points.window[2])];
    const round = (x) => Math.round(1000 * x) / 1000;

    /* ---- drawing ------------------------------------------------------------------------------------------------ */

    /* A disc is a 1, a square a 0; hollow: only tested with. */
    function drawPoint(context, [x, y, label], hollow, own) {
        const px = across(x), py = down(y), few = points.train.length <= 8, r = few ? 7 : points.train.length > 300 ? 3 : 4;
        context.beginPath();
        if (label) context.arc(px, py, r, 0, 2 * Math.PI);
        else context.rect(px - r * 0.9, py - r * 0.9, 1.8 * r, 1.8 * r);
        context.fillStyle = hollow ? theme.colour("surface") : theme.colour(label ? "one" : "zero");
        context.fill();
        context.lineWidth = hollow ? 1.6 : own ? 2 : 1.2;
        context.strokeStyle = hollow ? theme.colour(label ? "one" : "zero") : own ? theme.colour("text") : theme.colour("surface");
        context.stroke();
    }

    function drawAxes(context) {
        const [left, right, bottom, top] = points.window;
        context.strokeStyle = theme.colour("text");
        context.lineWidth = 1;
        context.globalAlpha = 0.16;
        context.beginPath();
        for (let x = Math.ceil(left); x <= right; x++) context.moveTo(across(x), 0), context.lineTo(across(x), side);
        for (let y = Math.ceil(bottom); y <= top; y++) context.moveTo(0, down(y)), context.lineTo(side, down(y));
        context.stroke();
        context.globalAlpha = 0.7;
        context.fillStyle = theme.colour("text");
        context.font = "11px system-ui, sans-serif";
        for (let x = Math.ceil(left); x <= right; x++) context.fillText(say.minus(String(x)), across(x) + 3, side - 5);
        for (let y = Math.ceil(bottom); y <= top; y++) context.fillText(say.minus(String(y)), 4, down(y) - 4);
        context.font = "italic 12px system-ui, sans-serif";
        context.fillText("x₁", side - 18, side - 6);
        context.fillText("x₂", 5, 14);
        context.globalAlpha = 1;
    }

    function draw() {
        const canvas = $("#surface");
        side = canvas.parentElement.clientWidth;
        const context = paint.fit(canvas, side, side);
        const cells = borrowed ? borrowed.cells : look && look.surface;
        $("#plane-title").textContent = borrowed ? borrowed.title : "What it answers";
        if (cells) paint.cells(context, cells, side, side);
        drawAxes(context);
        if (cells && !borrowed) {
            context.strokeStyle = theme.colour("text");
            context.lineWidth = 1.5;
            context.globalAlpha = 0.75;
            paint.border(context, cells, side, side);
            context.globalAlpha = 1;
        }
        for (const point of points.test) drawPoint(context, point, true, false);
        points.train.forEach((point, i) => drawPoint(context, point, false, i >= points.train.length - points.own));
        if (cross && document.activeElement === canvas) {
            const px = across(cross[0]), py = down(cross[1]);
            context.strokeStyle = theme.colour("text");
            context.lineWidth = 2;
            context.beginPath();
            context.moveTo(px - 10, py), context.lineTo(px + 10, py);
            context.moveTo(px, py - 10), context.lineTo(px, py + 10);
            context.stroke();
        }
        readOut();
    }
    const redraw = once(draw);

    /* ---- read-out ----------------------------------------------------------------------------------------------- */

    function value([x, y]) {
        const cells = look.surface, n = Math.round(Math.sqrt(cells.length)), at = (t) => Math.max(0, Math.min(n - 1, Math.floor(t / side * n)));
        return cells[at(down(y)) * n + at(across(x))];
    }

    function words(where) {
        const share = borrowed || !look ? null : value(where) / 65535;
        const answer = share === null ? "" : " → " + (share === 0 ? "0 or less" : share === 1 ? "1 or more" : share.toFixed(2));
        return "x₁ " + say.minus(where[0].toFixed(2)) + ", x₂ " + say.minus(where[1].toFixed(2)) + answer;
    }

    function readOut() {
        const tip = $("#surface-read"), where = pointer;
        tip.hidden = !where;
        if (!where) return;
        tip.textContent = words(where);
        tip.style.left = Math.max(0, Math.min(side - 170, across(where[0]) + 14)) + "px";
        tip.style.top = Math.max(0, Math.min(side - 26, down(where[1]) - 32)) + "px";
    }

    const speak = later(250, () => cross && ($("#surface-say").textContent = words(cross)));

    /* ---- the pen ------------------------------------------------------------------------------------------------ */

    function add([x, y], label) {
        const own = settings.points();
        if (points.train.length + points.test.length >= 1000) return notify("There are 1000 points, which is as many as there may be.", true);
        settings.change({own: [...own, [round(x), round(y), label].join(",")].join(";")});
        $("#surface-say").textContent = "Added a " + label + " at " + words([x, y]);
    }

    function erase(where, reach) {
        const own = settings.points();
        let best = -1, distance = reach * reach;
        own.forEach((text, i) => {
            const [x, y] = text.split(",").map(Number), dx = across(x) - across(where[0]), dy = down(y) - down(where[1]);
            if (dx * dx + dy * dy < distance) {
                distance = dx * dx + dy * dy;
                best = i;
            }
        });
        if (best < 0) return notify(own.length ? "There is no point of yours near by." : "Only points of your own can be taken away; there are none yet.");
        settings.change({own: own.filter((_, i) => i !== best).join(";")});
        $("#surface-say").textContent = "Taken away.";
    }

    function use(where, other, reach) {
        if (pen() === "erase") erase(where, reach);
        else add(where, other ? 1 - Number(pen()) : Number(pen()));
    }

    function key(event) {
        const step = (points.window[1] - points.window[0]) / (event.shiftKey ? 10 : 40);
        const moves = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]};
        if (event.ctrlKey || event.altKey || event.metaKey) return;
        cross = cross || [(points.window[0] + points.window[1]) / 2, (points.window[2] + points.window[3]) / 2];
        if (moves[event.key]) {
            const [dx, dy] = moves[event.key], inside = (v, low, high) => Math.max(low, Math.min(high, v));
            cross = [inside(cross[0] + dx * step, points.window[0], points.window[1]), inside(cross[1] + dy * step, points.window[2], points.window[3])];
            speak();
        } else if (event.key === "Enter" || event.key === " ") use(cross, false, Infinity);
        else if (event.key === "Delete" || event.key === "Backspace") erase(cross, Infinity);
        else if (event.key === "0" || event.key === "1") $('input[name=pen][value="' + event.key + '"]').checked = true;
        else return;
        event.preventDefault();
        redraw();
    }

    return {
        /* {cells, title} is shown in place of the answer; null: the answer again. */
        borrow(what) {
            borrowed = what;
            redraw();
        },
        start() {
            const canvas = $("#surface");
            const at = (event) => {
                const box = canvas.getBoundingClientRect();
                return place((event.clientX - box.left) * side / box.width, (event.clientY - box.top) * side / box.height);
            };
            canvas.addEventListener("pointermove", (event) => {
                pointer = event.pointerType === "mouse" ? at(event) : null;
                redraw();
            });
            canvas.addEventListener("pointerleave", () => {
                pointer = null;
                redraw();
            });
            canvas.addEventListener("click", (event) => use(at(event), event.shiftKey, 14));
            canvas.addEventListener("keydown", key);
            canvas.addEventListener("focus", redraw);
            canvas.addEventListener("blur", redraw);
            $("#clear-own").addEventListener("click", () => {
                settings.change({own: ""});
                canvas.focus();
            });
            bus.on("look", (fresh) => {
                look = fresh;
                redraw();
            });
            bus.on("points", (fresh) => {
                points = fresh;
                $(".tested").hidden = !points.test.length;
                $("#clear-own").hidden = !points.own;
                canvas.setAttribute("aria-label", "The plane, with " + points.train.length + " points to learn from" + (points.test.length ? " and " + points.test.length + " to test with" : ""));
                redraw();
            });
            bus.on("theme", redraw);
            new ResizeObserver(redraw).observe(canvas.parentElement);
        },
    };
})();
