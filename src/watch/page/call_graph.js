/* Draws the calls of a forward: one below the other, each in the lane of the call whose output it takes, or beside it
 * where that lane goes on with another. */
"use strict";

const callGraph = (() => {
    const box = {width: 186, height: 44}, gap = {x: 20, y: 32}, track = 14, top = 46, margin = 8, bend = 8;
    const shorten = (text, most) => (text.length > most ? "…" + text.slice(1 - most) : text);

    /* Lanes: a call goes on in that of one whose output it takes, or begins one, or takes one that has ended. */
    function lanesOf(calls) {
        const lastUse = new Map(), lane = [], busy = []; // busy[l]: the last call in lane l
        calls.forEach((call, i) => call.from.forEach((from) => lastUse.set(from, i)));
        calls.forEach((call, i) => {
            const ends = call.from.filter((from) => from >= 0 && from < i && busy[lane[from]] === from);
            let mine = ends.length ? Math.min(...ends.map((from) => lane[from])) : -1;
            if (mine < 0) mine = busy.findIndex((last) => (lastUse.get(last) ?? -1) < i);
            if (mine < 0) mine = busy.length;
            lane[i] = mine;
            busy[mine] = i;
        });
        return lane;
    }

    return function draw(calls) {
        const lane = lanesOf(calls), laneOf = (i) => (i < 0 ? 0 : lane[i]), last = calls.length - 1;
        const free = (l, from, to) => !lane.slice(from + 1, to).includes(l); // between two calls, in a lane
        const middle = (i) => margin + laneOf(i) * (box.width + gap.x) + box.width / 2;
        const upper = (i) => top + i * (box.height + gap.y), lower = (i) => (i < 0 ? 24 : upper(i) + box.height);
        const right = margin + (Math.max(0, ...lane) + 1) * (box.width + gap.x);

        const tracks = []; // at the right, for what finds no free lane: where the last edge of each ends

        /* The way of an edge, whose arrow ends 2 pixels before the box. */
        function way(from, to) {
            const x = middle(from), y = lower(from), u = middle(to), v = upper(to) - 2, ahead = Math.sign(u - x);
            if (x === u && free(lane[to], from, to)) return `M${x} ${y}V${v}`;
            if (x !== u && from >= 0 && free(lane[to], from, to))
                return `M${x + ahead * box.width / 2} ${y - box.height / 2}H${u - ahead * bend}` +
                    `q${ahead * bend} 0 ${ahead * bend} ${bend}V${v}`;
            if (x !== u && from >= 0 && free(lane[from], from, to))
                return `M${x} ${y}V${upper(to) + box.height / 2 - bend}q0 ${bend} ${ahead * bend} ${bend}` +
                    `H${u - ahead * (box.width / 2 + 2)}`;
            let mine = tracks.findIndex((end) => end <= from);
            if (mine < 0) mine = tracks.length;
            tracks[mine] = to;
            const far = right + mine * track, aside = box.width / 2 - 16;
            return `M${x + aside} ${y}v4q0 6 6 6H${far - 6}q6 0 6 6V${v - 16}q0 6 -6 6H${u + aside + 6}q-6 0 -6 6V${v}`;
        }

        const line = (d) => svg("path", {d, class: "edge", "marker-end": "url(#arrow)"});
        const words = (x, y, text, kind, anchor = "start") =>
            svg("text", {x, y, class: kind, "text-anchor": anchor}, text);
        const edges = calls.flatMap((call, to) =>
            [...new Set(call.from)].filter((from) => from < to).map((from) => line(way(Math.max(-1, from), to))));
        const boxes = calls.map((call, i) => {
            const left = middle(i) - box.width / 2, dims = say.shape(call.output);
            return svg("g", {}, svg("title", {}, call.name + ": " + say.shape(call.input) + " → " + dims),
                svg("rect", {x: left, y: upper(i), width: box.width, height: box.height, rx: 8}),
                words(left + 12, upper(i) + 18, call.type, "type"),
                words(left + 12, upper(i) + 35, shorten(call.name, 9), "name"),
                words(left + box.width - 12, upper(i) + 35, dims, "dims", "end"));
        });

        const width = right - gap.x + margin + (tracks.length ? gap.x + tracks.length * track : 0);
        const height = upper(calls.length) + 12;
        const spoken = calls.map((call) => call.name + " " + call.type + ", " + say.shape(call.output)).join("; ");
        const arrow = {
            id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto",
        };
        return svg("svg", {
            width, height, viewBox: "0 0 " + width + " " + height, class: "calls", role: "img",
            "aria-label": "The calls of a forward: " + spoken,
        },
            svg("marker", arrow, svg("path", {d: "M1 1L7 4L1 7", class: "tip"})), edges, boxes,
            words(middle(-1), 16, "input " + say.shape(calls[0].input), "end", "middle"),
            line(`M${middle(last)} ${lower(last)}v18`),
            words(middle(last), lower(last) + 34, "output " + say.shape(calls[last].output), "end", "middle"));
    };
})();
