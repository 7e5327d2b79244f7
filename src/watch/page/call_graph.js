/* Draws the calls of a forward: one below the other, each in the lane of the call whose output it takes, or beside it where that
 * lane goes on with another. */
"use strict";

const callGraph = (() => {
    const box = {width: 186, height: 44}, gap = {x: 20, y: 32}, track = 14, top = 46, margin = 8;
    const shorten = (text, most) => (text.length > most ? "…" + text.slice(1 - most) : text);

    /* Lanes: the first that takes a call's output goes on in its lane, another begins one, or takes one that has ended. */
    function lanesOf(calls) {
        const lastUse = new Map(), lane = [], busy = []; // busy[l]: the last call in lane l
        calls.forEach((call, i) => call.from.forEach((from) => lastUse.set(from, i)));
        calls.forEach((call, i) => {
            const heirOf = call.from.filter((from) => from >= 0 && from < i && busy[lane[from]] === from);
            let mine = heirOf.length ? Math.min(...heirOf.map((from) => lane[from])) : -1;
            if (mine < 0) mine = busy.findIndex((last) => (lastUse.get(last) ?? -1) < i);
            if (mine < 0) mine = busy.length;
            lane[i] = mine;
            busy[mine] = i;
        });
        return lane;
    }

    return function draw(calls) {
        const lane = lanesOf(calls), laneOf = (i) => (i < 0 ? 0 : lane[i]);
        const free = (l, from, to) => !lane.slice(from + 1, to).includes(l); // between two calls, in a lane
        const middle = (i) => margin + laneOf(i) * (box.width + gap.x) + box.width / 2;
        const upper = (i) => top + i * (box.height + gap.y), lower = (i) => (i < 0 ? 24 : upper(i) + box.height);
        const right = margin + (Math.max(0, ...lane) + 1) * (box.width + gap.x);

        const tracks = []; // at the right, for what finds no free lane: where the last edge of each ends
        const path = (from, to) => {
            const [x, y, u, v] = [middle(from), lower(from), middle(to), upper(to) - 2];
            if (laneOf(from) === lane[to] && free(lane[to], from, to)) return "M" + x + " " + y + "V" + v;
            if (laneOf(from) !== lane[to] && from >= 0) {
                const side = Math.sign(u - x) * box.width / 2, at = y - box.height / 2, into = v + 2 + box.height / 2;
                if (free(lane[to], from, to)) return "M" + (x + side) + " " + at + "H" + (u - Math.sign(side) * 8) + "q" + Math.sign(side) * 8 + " 0 " + Math.sign(side) * 8 + " 8V" + v;
                if (free(laneOf(from), from, to)) return "M" + x + " " + y + "V" + (into - 8) + "q0 8 " + Math.sign(side) * 8 + " 8H" + (u - side - Math.sign(side) * 2);
            }
            let mine = tracks.findIndex((end) => end <= from);
            if (mine < 0) mine = tracks.length;
            tracks[mine] = to;
            const far = right + mine * track, shift = box.width / 2 - 16;
            return "M" + (x + shift) + " " + y + "v4q0 6 6 6H" + (far - 6) + "q6 0 6 6V" + (v - 16) + "q0 6 -6 6H" + (u + shift + 6) + "q-6 0 -6 6V" + v;
        };
        const edges = calls.flatMap((call, to) => [...new Set(call.from)].filter((from) => from < to)
            .map((from) => svg("path", {d: path(Math.max(-1, from), to), class: "edge", "marker-end": "url(#arrow)"})));

        const width = right - gap.x + (tracks.length ? gap.x + tracks.length * track : 0) + margin, height = upper(calls.length) + 12, last = calls.length - 1;
        const words = (x, y, text, more) => svg("text", {x, y, ...more}, text);
        return svg("svg", {width, height, viewBox: "0 0 " + width + " " + height, role: "img", class: "calls",
            "aria-label": "The calls of a forward: " + calls.map((call) => call.name + " " + call.type + ", " + say.shape(call.output)).join("; ")},
            svg("marker", {id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto"}, svg("path", {d: "M1 1L7 4L1 7", class: "tip"})),
            edges,
            words(middle(-1), 16, "input " + say.shape(calls[0].input), {"text-anchor": "middle", class: "end"}),
            calls.map((call, i) => {
                const left = middle(i) - box.width / 2;
                return svg("g", {}, svg("title", {}, call.name + ": " + say.shape(call.input) + " → " + say.shape(call.output)),
                    svg("rect", {x: left, y: upper(i), width: box.width, height: box.height, rx: 8}),
                    words(left + 12, upper(i) + 18, call.type, {class: "type"}),
                    words(left + 12, upper(i) + 35, shorten(call.name, 9), {class: "name"}),
                    words(left + box.width - 12, upper(i) + 35, say.shape(call.output), {"text-anchor": "end", class: "dims"}));
            }),
            svg("path", {d: "M" + middle(last) + " " + lower(last) + "v18", class: "edge", "marker-end": "url(#arrow)"}),
            words(middle(last), lower(last) + 34, "output " + say.shape(calls[last].output), {"text-anchor": "middle", class: "end"}));
    };
})();
