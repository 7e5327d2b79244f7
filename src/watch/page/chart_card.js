/* One chart: its axes and curves, its tools, and its numbers as a table. What the mouse, fingers and keys do on it is in
 * chart_pointer.js, what is read off it in chart_readout.js. */
"use strict";

class ChartCard {
    static drawn = []; // milliseconds that the last pictures took, for the counter of frames

    constructor(name, tab) {
        Object.assign(this, {name, tab, curves: [], dirty: true, visible: true, yZoom: null, chart: null});
        const tool = (label, picture, action) =>
            el("button.tool", {type: "button", title: label, "aria-label": label, onclick: action}, icon(picture));

        this.logButton = el("button.tool.text", {
            type: "button", title: "Logarithmic axis for the values", "aria-label": name + ": logarithmic axis", "aria-pressed": "false",
            onclick: () => {
                const logy = state.now.logy.filter((other) => other !== name);
                if (logy.length === state.now.logy.length) logy.push(name);
                this.yZoom = null;
                state.set({logy});
            },
        }, "log");
        this.resetButton = el("button.tool", {
            type: "button", title: "Show all (double click)", "aria-label": name + ": show all", hidden: true, onclick: () => this.reset(),
        }, icon("fit"));
        this.key = el("div.key");
        this.saveMenu = el("details.menu", {},
            el("summary.tool", {title: "Save as PNG, SVG or CSV", "aria-label": name + ": save"}, icon("save")),
            el("div.items", {}, ["PNG", "SVG", "CSV"].map((format) => el("button", {
                type: "button", onclick: () => {
                    this.saveMenu.open = false;
                    chartExport.save(this, format);
                },
            }, format))));
        this.base = el("canvas");
        this.over = el("canvas.over", {"aria-hidden": "true"});
        this.readout = el("div.readout", {hidden: true});
        this.plot = el("div.plot", {tabIndex: 0, role: "application", "aria-roledescription": "chart"}, this.base, this.over, this.readout);
        this.numbers = numbersTable.details(name, () => this.curves);
        this.element = el("article.card.chart", {"data-chart": name},
            el("header", {}, el("h3", {}, name), this.key,
                el("div.tools", {}, this.resetButton, this.logButton, tool(name + ": large or small", "expand", () => this.expand()), this.saveMenu)),
            this.plot, this.numbers);

        if (window.Chart) this.make();
        else {
            this.plot.replaceWith(el("p.missing", {}, "This program was built without Chart.js, so there are no charts; the numbers are here."));
            this.numbers.open = true;
        }
    }

    make() {
        const axis = () => ({type: "linear", grid: {}, ticks: {includeBounds: false, maxRotation: 0, autoSkipPadding: 18, font: {size: 11}}});
        this.chart = new Chart(this.base, {
            type: "curves",
            data: {datasets: [{data: [], curves: [], axis: "step", smooth: 0}]},
            options: {
                animation: false, responsive: true, maintainAspectRatio: false, events: [], parsing: false, normalized: true,
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
        const logTick = (words, decades) => (value) => {
            const mantissa = value / Math.pow(10, Math.floor(Math.log10(value) + 1e-9));
            const shown = decades < 1.5 ? [1, 2, 3, 5, 7] : decades < 3 ? [1, 2, 5] : [1];
            return shown.some((one) => Math.abs(one - mantissa) < 1e-6) ? words(value) : "";
        };
        const xWords = (value) => (now.x === "time" ? (value ? say.duration(value) : "0") : Number.isInteger(value) ? say.short(value) : "");
        const yWords = (value) => (Math.abs(value) >= 1e4 ? say.short(value) : say.brief(Number(value.toPrecision(6)), 6));
        x.ticks.autoSkip = !this.logX;
        y.ticks.autoSkip = !this.logY;
        x.ticks.callback = this.logX ? logTick(xWords, Math.log10(right / left)) : xWords;
        y.ticks.callback = this.logY ? logTick(yWords, Math.log10(high / low)) : yWords;

        Object.assign(this.chart.data.datasets[0], {curves: this.curves, axis: now.x, smooth: now.smooth});
        this.chart.update("none");
        chartReadout.draw(this);

        this.logButton.setAttribute("aria-pressed", this.logY);
        this.resetButton.hidden = now.from === null && !this.yZoom;
        this.describe();
        ChartCard.drawn.push(performance.now() - begun);
        if (ChartCard.drawn.length > 600) ChartCard.drawn.splice(0, 300);
    }

    /* What the styles of the lines mean, and for those who do not see them what they show. */
    describe() {
        const variants = new Map(this.curves.map((curve) => [curve.variant, curve.name.includes("/") ? curve.name.slice(this.name.length + 1) : ""]));
        const key = [...variants].sort((a, b) => a[0] - b[0]).filter(([, words]) => words);
        const text = JSON.stringify(key);
        if (text !== this.keyText) {
            this.keyText = text;
            this.key.replaceChildren(...key.map(([variant, words]) => el("span", {},
                svg("svg", {width: 22, height: 8, "aria-hidden": "true"}, svg("path", {
                    d: "M0 4h22", fill: "none", stroke: "currentColor", "stroke-width": 1.75, "stroke-dasharray": curveDraw.dashes[variant % 4].join(" "),
                })), words)));
        }
        const names = new Set(this.curves.map((curve) => curve.run)), which = [...names, this.curves.length].join();
        if (which === this.which && performance.now() - this.described < 2000) return;
        this.which = which;
        this.described = performance.now();
        const some = this.curves.slice(0, 6).map(({run, name, series}) => (names.size > 1 ? run + " " : "") + name + ": " +
            (series.count ? "first " + say.number(series.values[0]) + ", last " + say.number(series.last) : "no values yet"));
        this.plot.setAttribute("aria-label", "Chart of " + this.name + ", " + this.curves.length + (this.curves.length === 1 ? " curve" : " curves") +
            " of " + names.size + (names.size === 1 ? " run. " : " runs. ") + some.join(". ") +
            (this.curves.length > 6 ? ", and " + (this.curves.length - 6) + " more" : "") +
            ". Arrow keys read values off, plus and minus zoom, 0 shows all. The numbers follow as a table.");
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
