/* One chart: its axes and curves, its tools, and its numbers as a table. What the mouse, fingers and keys do on it is
 * in chart_pointer.js, what is read off it in chart_readout.js. */
"use strict";

class ChartCard {
    static drawn = []; // milliseconds that the last pictures took, for the counter of frames

    constructor(name, tab) {
        Object.assign(this, {name, tab, curves: [], dirty: true, visible: true, yZoom: null, chart: null});
        this.key = el("div.key");
        this.base = el("canvas");
        this.over = el("canvas.over", {"aria-hidden": "true"});
        this.readout = el("div.readout", {hidden: true});
        this.plot = el("div.plot", {tabIndex: 0, role: "application", "aria-roledescription": "chart"},
            this.base, this.over, this.readout);
        this.numbers = numbersTable.details(name, () => this.curves);
        this.element = el("article.card.chart", {"data-chart": name},
            el("header", {}, el("h3", {}, name), this.key, this.tools()), this.plot, this.numbers);

        if (window.Chart) this.make();
        else {
            this.plot.replaceWith(el("p.missing", {},
                "This program was built without Chart.js, so there are no charts; the numbers are here."));
            this.numbers.open = true;
        }
    }

    tools() {
        const tool = (label, title, content, onclick, more = {}) => el("button.tool", {
            type: "button", title, "aria-label": this.name + ": " + label, onclick, ...more,
        }, content);
        this.resetButton = tool("show all", "Show all (double click)", icon("fit"), () => this.reset(), {hidden: true});
        this.logButton = tool("logarithmic axis", "Logarithmic axis for the values", "log", () => this.toggleLog());
        this.logButton.classList.add("text");
        const large = tool("large or small", "Large or small", icon("expand"), () => this.expand());
        const menu = el("details.menu", {},
            el("summary.tool", {title: "Save as PNG, SVG or CSV", "aria-label": this.name + ": save"}, icon("save")),
            el("div.items", {}, ["PNG", "SVG", "CSV"].map((format) => el("button", {
                type: "button", onclick: () => {
                    menu.open = false;
                    chartExport.save(this, format);
                },
            }, format))));
        return el("div.tools", {}, this.resetButton, this.logButton, large, menu);
    }

    make() {
        const ticks = {includeBounds: false, maxRotation: 0, autoSkipPadding: 18, font: {size: 11}};
        const axis = () => ({type: "linear", grid: {}, ticks: {...ticks}});
        this.chart = new Chart(this.base, {
            type: "curves",
            data: {datasets: [{data: [], curves: [], axis: "step", smooth: 0}]},
            options: {
                animation: false, responsive: true, maintainAspectRatio: false,
                events: [], parsing: false, normalized: true,
                layout: {padding: {top: 6, right: 10}},
                plugins: {legend: {display: false}, tooltip: {enabled: false}},
                scales: {x: axis(), y: axis()},
                onResize: () => {
                    this.dirty = true;
                    this.tab.ask();
                },
            },
        });
        chartPointer.attach(this);
        new IntersectionObserver((entries) => {
            this.visible = entries[entries.length - 1].isIntersecting;
            if (this.visible) this.tab.ask();
        }, {rootMargin: "200px"}).observe(this.element);
    }

    /* The curves to be drawn: {run, name, series, variant, colour}, and where the x axis begins and ends. */
    show(curves, range) {
        this.curves = curves;
        this.range = range;
        this.dirty = true;
    }

    get logY() {
        return state.now.logy.includes(this.name);
    }

    get logX() {
        return state.now.logx;
    }

    /* The least and greatest value between two places of the x axis, with some air. */
    values(left, right) {
        const {x: axis, smooth} = state.now;
        let low = Infinity, high = -Infinity;
        for (const {xs, ys} of curveDraw.layers(this.curves, axis, smooth))
            for (let i = Series.from(xs, left); i < xs.length && xs[i] <= right; i++) {
                const y = ys[i];
                if (this.logY && !(y > 0)) continue;
                if (y < low) low = y;
                if (y > high) high = y;
            }
        if (low > high) return this.logY ? [0.1, 1] : [0, 1];
        if (this.logY) {
            const air = Math.max(Math.pow(high / low, 0.04), 1.05);
            return [low / air, high * air];
        }
        const air = (high - low) * 0.05 || Math.abs(high) * 0.1 || 0.5;
        // An axis that nearly reaches 0 begins there.
        return [low >= 0 && low < (high - low) * 0.25 ? 0 : low - air, high + air];
    }

    draw() {
        if (!this.chart || !this.dirty || !this.visible) return;
        this.dirty = false;
        const begun = performance.now();
        const {x, y} = this.chart.options.scales, now = state.now, range = this.range;
        const [left, right] = now.from === null ? range : [now.from, now.to];
        const [low, high] = this.yZoom || this.values(left, right);

        x.type = this.logX ? "logarithmic" : "linear";
        y.type = this.logY ? "logarithmic" : "linear";
        Object.assign(x, {min: left, max: right});
        Object.assign(y, {min: low, max: high});
        for (const axis of [x, y]) {
            axis.grid.color = theme.colour("grid");
            axis.grid.borderColor = theme.colour("line");
            axis.ticks.color = theme.colour("muted");
        }
        x.ticks.autoSkip = !this.logX;
        y.ticks.autoSkip = !this.logY;
        const across = now.x === "time" ? ChartCard.time : ChartCard.step;
        x.ticks.callback = this.logX ? ChartCard.some(across, right / left) : across;
        y.ticks.callback = this.logY ? ChartCard.some(ChartCard.value, high / low) : ChartCard.value;

        Object.assign(this.chart.data.datasets[0], {curves: this.curves, axis: now.x, smooth: now.smooth});
        this.chart.update("none");
        chartReadout.draw(this);

        this.logButton.setAttribute("aria-pressed", this.logY);
        this.resetButton.hidden = now.from === null && !this.yZoom;
        this.describe();
        ChartCard.drawn.push(performance.now() - begun);
        if (ChartCard.drawn.length > 600) ChartCard.drawn.splice(0, 300);
    }

    /* ---- words ---- */

    static step(value) {
        return Number.isInteger(value) ? say.short(value) : "";
    }

    static time(value) {
        return value ? say.duration(value) : "0";
    }

    static value(value) {
        return Math.abs(value) >= 1e4 ? say.short(value) : say.brief(Number(value.toPrecision(6)), 6);
    }

    /* On a logarithmic axis only some places have words, fewer where it goes far. */
    static some(words, ratio) {
        const shown = ratio < 30 ? [1, 2, 3, 5, 7] : ratio < 1000 ? [1, 2, 5] : [1];
        return (value) => {
            const mantissa = value / Math.pow(10, Math.floor(Math.log10(value) + 1e-9));
            return shown.some((one) => Math.abs(one - mantissa) < 1e-6) ? words(value) : "";
        };
    }

    /* What the styles of the lines mean, and for those who do not see them what they show. */
    describe() {
        const variants = new Map(this.curves.map((curve) => [curve.variant, curve.part]));
        const key = [...variants].sort((a, b) => a[0] - b[0]).filter(([, part]) => part);
        const text = JSON.stringify(key);
        if (text !== this.keyText) {
            this.keyText = text;
            this.key.replaceChildren(...key.map(([variant, part]) =>
                el("span", {}, curveDraw.sample("currentColor", variant, 22), part)));
        }
        const names = new Set(this.curves.map((curve) => curve.run)), which = [...names, this.curves.length].join();
        if (which === this.which && performance.now() - this.described < 2000) return;
        this.which = which;
        this.described = performance.now();
        const many = (n, word) => n + " " + word + (n === 1 ? "" : "s");
        const ends = ({values, last}) =>
            (values.length ? "first " + say.number(values[0]) + ", last " + say.number(last) : "no values");
        const some = this.curves.slice(0, 6).map((curve) =>
            (names.size > 1 ? curve.run + " " : "") + curve.name + ": " + ends(curve.series));
        const size = many(this.curves.length, "curve") + " of " + many(names.size, "run");
        const words = ["Chart of " + this.name + ", " + size, ...some,
            this.curves.length > 6 ? "And " + (this.curves.length - 6) + " more" : "",
            "Arrow keys read values off, plus and minus zoom, 0 shows all. The numbers follow as a table."];
        this.plot.setAttribute("aria-label", words.filter(Boolean).join(". "));
    }

    /* ---- what its tools do ---- */

    toggleLog() {
        const logy = state.now.logy.filter((other) => other !== this.name);
        if (logy.length === state.now.logy.length) logy.push(this.name);
        this.yZoom = null;
        state.set({logy});
    }

    reset() {
        this.yZoom = null;
        this.dirty = true;
        state.set({from: null, to: null});
    }

    /* Shows what lies between two places of the x axis; the whole when that is all. */
    zoom(from, to) {
        const [first, last] = this.range;
        if (this.logX) from = Math.max(from, first);
        const least = state.now.x === "time" ? 1e-3 : 1;
        if (!(to - from >= least)) return;
        if (from <= first && to >= last) state.set({from: null, to: null});
        else state.set({from, to});
    }

    expand() {
        this.element.classList.toggle("large");
        this.element.scrollIntoView({block: "nearest"});
    }
}
