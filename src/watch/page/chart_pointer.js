/* Mouse, fingers and keys on a chart. A drag zooms to what it covers, with Shift it moves; the wheel zooms where the
 * chart has the focus (else the page scrolls, as it should) or with Ctrl, as pinching a touchpad does; two fingers
 * zoom, one reads off. */
"use strict";

const chartPointer = (() => {
    /* The x axis between two places in pixels becomes all of it. */
    function zoomPixels(card, left, right) {
        const scale = card.chart.scales.x;
        card.zoom(scale.getValueForPixel(left), scale.getValueForPixel(right));
    }

    function zoomAround(card, x, factor) {
        const {left, right} = card.chart.chartArea;
        zoomPixels(card, x - (x - left) * factor, x + (right - x) * factor);
    }

    function move(card, pixels) {
        if (state.now.from === null) return;
        const {left, right} = card.chart.chartArea, scale = card.chart.scales.x, [first, last] = card.range;
        const from = scale.getValueForPixel(left + pixels), to = scale.getValueForPixel(right + pixels);
        if (from < first || to > last) return;
        state.set({from, to});
    }

    function attach(card) {
        const plot = card.plot, fingers = new Map();
        let drag = null; // {x, y, pan} where it began; pan: it moves
        let pinch = null; // the two fingers' places when it last zoomed

        const place = (event) => {
            const box = plot.getBoundingClientRect();
            return {x: event.clientX - box.left, y: event.clientY - box.top};
        };
        const spots = () => [...fingers.values()].map((finger) => finger.x).sort((a, b) => a - b);
        const cut = (value, low, high) => Math.min(high, Math.max(low, value));

        plot.addEventListener("pointerdown", (event) => {
            if (event.button > 1) return;
            plot.setPointerCapture(event.pointerId);
            const at = place(event);
            if (event.pointerType === "touch") {
                fingers.set(event.pointerId, at);
                pinch = fingers.size === 2 ? spots() : null;
                if (fingers.size === 1) chartReadout.move(card, card.chart.scales.x.getValueForPixel(at.x));
                return;
            }
            plot.focus({preventScroll: true});
            drag = {...at, last: at.x, pan: event.shiftKey || event.button === 1};
        });

        plot.addEventListener("pointermove", (event) => {
            const at = place(event), {left, right, top, bottom} = card.chart.chartArea;
            if (fingers.has(event.pointerId)) fingers.set(event.pointerId, at);
            if (pinch && fingers.size === 2) {
                const now = spots();
                const spread = Math.max(20, now[1] - now[0]), before = Math.max(20, pinch[1] - pinch[0]);
                const middle = (pinch[0] + pinch[1]) / 2, factor = before / spread;
                const shift = ((now[0] + now[1]) / 2 - middle) * factor;
                zoomPixels(card, middle - (middle - left) * factor - shift, middle + (right - middle) * factor - shift);
                pinch = now;
                return;
            }
            if (drag && drag.pan) {
                move(card, drag.last - at.x);
                drag.last = at.x;
                return;
            }
            if (drag && (card.band || Math.hypot(at.x - drag.x, at.y - drag.y) > 5)) {
                const tall = Math.abs(at.y - drag.y) > 24; // a flat band means the x axis alone
                const [x, u] = [drag.x, at.x].sort((a, b) => a - b), [y, v] = [drag.y, at.y].sort((a, b) => a - b);
                card.band = {
                    tall, left: cut(x, left, right), right: cut(u, left, right),
                    top: tall ? cut(y, top, bottom) : top, bottom: tall ? cut(v, top, bottom) : bottom,
                };
            }
            chartReadout.move(card, card.chart.scales.x.getValueForPixel(cut(at.x, left, right)));
        });

        const end = (event) => {
            fingers.delete(event.pointerId);
            pinch = null;
            const band = card.band;
            drag = card.band = null;
            if (band && event.type === "pointerup" && band.right - band.left > 3) {
                const y = card.chart.scales.y;
                if (band.tall) card.yZoom = [y.getValueForPixel(band.bottom), y.getValueForPixel(band.top)];
                zoomPixels(card, band.left, band.right);
                card.dirty = true;
                card.tab.ask();
            }
            chartReadout.again();
        };
        plot.addEventListener("pointerup", end);
        plot.addEventListener("pointercancel", end);
        plot.addEventListener("pointerleave", (event) => {
            if (event.pointerType !== "touch" && !drag) chartReadout.clear();
        });
        plot.addEventListener("dblclick", () => card.reset());

        plot.addEventListener("wheel", (event) => {
            if (!event.ctrlKey && document.activeElement !== plot) return;
            event.preventDefault();
            const across = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
            if (across) move(card, event.deltaX || event.deltaY);
            else zoomAround(card, place(event).x, Math.exp(cut(event.deltaY, -200, 200) / 400));
        }, {passive: false});

        plot.addEventListener("keydown", (event) => {
            const {left, right} = card.chart.chartArea, middle = chartReadout.at === null ? (left + right) / 2 :
                cut(card.chart.scales.x.getPixelForValue(chartReadout.at), left, right);
            const actions = {
                ArrowLeft: () => (event.shiftKey ? move(card, -40) : chartReadout.step(card, -1)),
                ArrowRight: () => (event.shiftKey ? move(card, 40) : chartReadout.step(card, 1)),
                PageUp: () => chartReadout.step(card, 50),
                PageDown: () => chartReadout.step(card, -50),
                Home: () => chartReadout.step(card, -Infinity),
                End: () => chartReadout.step(card, Infinity),
                "+": () => zoomAround(card, middle, 0.7),
                "=": () => zoomAround(card, middle, 0.7),
                "-": () => zoomAround(card, middle, 1 / 0.7),
                0: () => card.reset(),
                Escape: () => chartReadout.clear(),
            };
            if (!(event.key in actions) || event.ctrlKey || event.metaKey || event.altKey) return;
            event.preventDefault();
            actions[event.key]();
        });
        plot.addEventListener("blur", () => chartReadout.clear());
    }

    return {attach};
})();
