/* Colours of what neurons give, and canvases that are as fine as the screen. */
"use strict";

/* From 0 (a no, orange) over nothing to 255 (a yes, blue), by the theme. */
const tints = (() => {
    let table = null;
    const parts = (name) => theme.colour(name).match(/[\d.]+/g).slice(0, 3).map(Number);

    function make() {
        const low = parts("zero"), middle = parts("plane"), high = parts("one");
        table = new Uint8ClampedArray(256 * 4);
        for (let i = 0; i < 256; i++) {
            const share = (i - 127.5) / 127.5, end = share < 0 ? low : high;
            const strength = 0.68 * Math.abs(share) ** 0.8; // paler than the points
            for (let k = 0; k < 3; k++) table[4 * i + k] = middle[k] + (end[k] - middle[k]) * strength;
            table[4 * i + 3] = 255;
        }
        return table;
    }
    bus.on("theme", () => (table = null));
    return () => table || make();
})();

const paint = (() => {
    const small = document.createElement("canvas");

    return {
        /* Makes the canvas as many dots wide as the screen has for it; returns its context, scaled to CSS pixels. */
        fit(canvas, width, height) {
            const ratio = Math.min(3, window.devicePixelRatio || 1), w = Math.round(width * ratio), h = Math.round(height * ratio);
            if (canvas.width !== w || canvas.height !== h) {
                canvas.width = w;
                canvas.height = h;
            }
            const context = canvas.getContext("2d");
            context.setTransform(ratio, 0, 0, ratio, 0, 0);
            return context;
        },
        bytes(base64) {
            const text = atob(base64), bytes = new Uint8Array(text.length);
            for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
            return bytes;
        },
        /* A square of cells, 8 or 16 bits each, smoothed, over the whole of the canvas. */
        cells(context, cells, width, height) {
            const side = Math.round(Math.sqrt(cells.length)), table = tints(), shift = 8 * (cells.BYTES_PER_ELEMENT - 1);
            if (small.width !== side) small.width = small.height = side;
            const inner = small.getContext("2d"), image = inner.createImageData(side, side);
            for (let i = 0; i < cells.length; i++)
                for (let k = 0; k < 4; k++) image.data[4 * i + k] = table[4 * (cells[i] >> shift) + k];
            inner.putImageData(image, 0, 0);
            context.imageSmoothingEnabled = true;
            context.imageSmoothingQuality = "high";
            context.drawImage(small, 0, 0, side, side, 0, 0, width, height);
        },
        /* The line between yes and no, through the cells' middles. */
        border(context, cells, width, height) {
            const side = Math.round(Math.sqrt(cells.length)), level = 32767.5, step = width / side, rise = height / side;
            const between = (a, b) => (level - a) / (b - a);
            context.beginPath();
            for (let row = 0; row + 1 < side; row++)
                for (let column = 0; column + 1 < side; column++) {
                    const i = row * side + column, a = cells[i], b = cells[i + 1], c = cells[i + side + 1], d = cells[i + side];
                    const cut = [];
                    if (a < level !== b < level) cut.push([between(a, b), 0]);
                    if (b < level !== c < level) cut.push([1, between(b, c)]);
                    if (d < level !== c < level) cut.push([between(d, c), 1]);
                    if (a < level !== d < level) cut.push([0, between(a, d)]);
                    for (let k = 0; k + 1 < cut.length; k += 2) {
                        context.moveTo((column + 0.5 + cut[k][0]) * step, (row + 0.5 + cut[k][1]) * rise);
                        context.lineTo((column + 0.5 + cut[k + 1][0]) * step, (row + 0.5 + cut[k + 1][1]) * rise);
                    }
                }
            context.stroke();
        },
    };
})();
