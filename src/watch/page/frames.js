/* Counts the pictures a second that the browser shows, and how long drawing takes: for the key F, and for tests. */
"use strict";

const frames = (() => {
    let on = false, times = [];

    function tick(time) {
        if (!on) return;
        times.push(time);
        if (times.length > 1200) times.splice(0, 600);
        requestAnimationFrame(tick);
    }

    let shower = 0;
    return {
        start() {
            if (!on) requestAnimationFrame(tick);
            on = true;
            times = [];
            ChartCard.drawn.length = 0;
        },
        stop: () => (on = false),
        /* Of the last `seconds`: pictures a second, the longest wait between two, and milliseconds to draw a chart. */
        report(seconds = Infinity) {
            const last = times[times.length - 1], some = times.filter((time) => last - time <= seconds * 1000);
            const waits = some.slice(1).map((time, i) => time - some[i]);
            const drawn = [...ChartCard.drawn].sort((a, b) => a - b);
            return {
                pictures: some.length, longest: Math.max(0, ...waits),
                rate: waits.length ? (1000 * waits.length) / (last - some[0]) : 0,
                charts: drawn.length, drawing: drawn[drawn.length >> 1] ?? 0,
            };
        },
        toggle() {
            const sign = $("#frames");
            sign.hidden = !sign.hidden;
            clearInterval(shower);
            if (sign.hidden) return frames.stop();
            frames.start();
            shower = setInterval(() => {
                const {rate, longest, drawing} = frames.report(2);
                sign.textContent = rate.toFixed(0) + " frames/s, longest " + longest.toFixed(0) + " ms, a chart " +
                    drawing.toFixed(1) + " ms";
            }, 500);
        },
    };
})();
