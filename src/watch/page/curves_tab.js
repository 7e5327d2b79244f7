/* The charts of the runs that are compared: which there are, in which order, and when they are drawn again. */
"use strict";

const curvesTab = (() => {
    const cards = new Map(); // name of the chart: its card
    const partOf = (name) => (name.includes("/") ? name.slice(name.indexOf("/") + 1) : "");
    const chartOf = (name) => (name.includes("/") ? name.slice(0, name.indexOf("/")) : name);
    const known = ["loss", "accuracy"]; // these come first
    let times = false; // whether the server says when values were logged

    /* "train" is drawn solid and "validation" dashed, wherever else a chart has curves. */
    const usual = ["train", "validation"];

    function group() {
        const charts = new Map();
        times = false;
        for (const run of store.chosen()) {
            const colour = palette.of(run.name);
            for (const [name, series] of store.series(run.name)) {
                const chart = chartOf(name);
                if (!charts.has(chart)) charts.set(chart, []);
                charts.get(chart).push({run: run.name, name, part: partOf(name), series, colour});
                times ||= series.times !== null && series.times.length > 0;
            }
        }
        for (const curves of charts.values()) {
            const parts = [...new Set(curves.map((curve) => curve.part))];
            parts.sort((a, b) => (usual.indexOf(a) + 3) % 3 - (usual.indexOf(b) + 3) % 3);
            for (const curve of curves) curve.variant = parts.indexOf(curve.part);
        }
        return charts;
    }

    /* Where the x axis begins and ends, the same for all charts. */
    function range() {
        let first = Infinity, last = -Infinity;
        for (const run of store.chosen())
            for (const series of store.wholeSeries(run.name).values()) {
                const xs = series.x(state.now.x);
                if (!xs.length) continue;
                first = Math.min(first, xs[0]);
                last = Math.max(last, xs[xs.length - 1]);
            }
        if (first > last) [first, last] = [0, 1];
        if (state.now.logx) first = Math.max(first, state.now.x === "time" ? Math.max(last / 1e5, 0.01) : 1);
        return [first, last > first ? last : first + 1];
    }

    function arrange() {
        const charts = group(), all = range();
        const order = [...charts.keys()].sort((a, b) => (known.indexOf(a) + 3) % 3 - (known.indexOf(b) + 3) % 3);
        const grid = $("#charts");
        for (const [name, card] of cards) {
            if (charts.has(name)) continue;
            card.chart?.destroy();
            card.element.remove();
            cards.delete(name);
        }
        order.forEach((name, i) => {
            if (!cards.has(name)) cards.set(name, new ChartCard(name, curvesTab));
            const card = cards.get(name);
            if (grid.children[i] !== card.element) grid.insertBefore(card.element, grid.children[i] ?? null);
            card.show(charts.get(name), all);
        });
        const chosen = store.chosen();
        $("#charts-empty").hidden = order.length > 0;
        $("#charts-empty").textContent = !store.runs.length ? "" :
            !chosen.length ? "Choose a run in the list to see its curves." :
            store.loading() ? "Loading…" : "Nothing has been logged yet.";
        $("#x-time").disabled = !times && state.now.x !== "time";
    }

    function chips() {
        const chosen = store.chosen();
        $("#chips").replaceChildren(...chosen.map(({name}) => {
            const away = el("button", {
                type: "button", "aria-label": "Do not compare " + name, onclick: () => store.choose(name, false),
            }, "×");
            return el("span.chip", {style: "--run: " + palette.of(name)}, el("i.swatch"), name, away);
        }));
        $("#chips").hidden = chosen.length < 2;
    }

    let turn = 0;
    let stale = true; // whether the groups have to be made again
    const draw = once(() => {
        if (state.now.tab !== "curves") return;
        if (stale) arrange();
        stale = false;
        // What takes too long for one picture goes on with the next, where this one stopped.
        const begun = performance.now(), all = [...cards.values()];
        for (let i = 0; i < all.length; i++) {
            const card = all[turn++ % all.length];
            card.draw();
            card.numbers.refresh();
            if (performance.now() - begun > 8 && i + 1 < all.length) return draw();
        }
    });

    function controls() {
        const {x, logx, smooth, from} = state.now;
        $("#x-step").setAttribute("aria-pressed", x === "step");
        $("#x-time").setAttribute("aria-pressed", x === "time");
        $("#x-log").setAttribute("aria-pressed", logx);
        $("#smooth").value = smooth ? -Math.log10(1 - smooth) * 100 : 0;
        $("#smooth-value").textContent = smooth ? say.brief(smooth, 3) : "off";
        $("#smooth").setAttribute("aria-valuetext", $("#smooth-value").textContent);
        $("#show-all").hidden = from === null;
    }

    return {
        /* Draws what changed before the next picture. */
        ask: draw,
        cards: () => [...cards.values()],
        start() {
            const again = () => {
                stale = true;
                draw();
            };
            if (window.Chart) curveDraw.register();
            chartReadout.start(() => (state.now.tab === "curves" ? curvesTab.cards() : []));
            bus.on("data", (name) => {
                if (store.isChosen(name)) again();
            });
            bus.on("chosen", "view", "theme", () => {
                controls();
                chips();
                again();
            });
            $("#x-step").addEventListener("click", () => state.set({x: "step", from: null, to: null}));
            $("#x-time").addEventListener("click", () => state.set({x: "time", from: null, to: null}));
            $("#x-log").addEventListener("click", () => state.set({logx: !state.now.logx}));
            $("#show-all").addEventListener("click", () => state.set({from: null, to: null}));
            $("#smooth").addEventListener("input", (event) => {
                // The slider is finer where averages are long: 0, 0.9, 0.99 and 0.999 are equally far apart.
                const share = 1 - Math.pow(10, -event.target.value / 100);
                state.set({smooth: Number(Math.min(0.999, share).toPrecision(4))});
            });
            controls();
        },
    };
})();
