/* The curves of a run in a range of steps: asked for once, and then kept up with what the events bring, without a
 * gap. */
"use strict";

/* Runs that are loaded at the same time would hinder each other, and the events. */
const turns = {
    free: 4,
    waiting: [],
    async take(work) {
        if (turns.free === 0) await new Promise((go) => turns.waiting.push(go));
        else turns.free--;
        try {
            return await work();
        } finally {
            if (turns.waiting.length) turns.waiting.shift()();
            else turns.free++;
        }
    },
};

class CurveSet {
    /* geometric: as many points for each decade of steps, for a logarithmic axis */
    constructor(run, from, to, geometric) {
        Object.assign(this, {run, from, to, geometric, series: new Map()});
        this.exact = false; // whether every value that was logged is here
        this.offset = null; // of what is here, in the order of logging; null: nothing is
        this.loading = null;
        this.missed = []; // events that came while it was loaded
    }

    /* The ranges to ask for: one, or one a decade. */
    pieces(last) {
        if (!this.geometric) return [[this.from, this.to]];
        const low = Math.max(this.from ?? 1, 1), high = Math.max(this.to ?? last, low), pieces = [];
        for (let end = 10; ; end *= 10) {
            if (end < low) continue;
            const from = pieces.length ? Math.floor(end / 10) + 1 : this.from;
            if (end >= high) return [...pieces, [from, this.to]];
            pieces.push([from, end]);
        }
    }

    load(last) {
        this.loading ||= turns.take(() => this.ask(last)).finally(() => {
            this.loading = null;
            this.missed = [];
        });
        return this.loading;
    }

    async ask(last) {
        const pieces = this.pieces(last), series = new Map();
        let exact = true, offset = 0;
        for (const [from, to] of pieces) {
            const answer = await server.get("/api/curves", {
                run: this.run, from, to, buckets: Math.max(100, Math.floor(Series.points / 2 / pieces.length)),
            });
            offset = answer.offset;
            for (const part of answer.curves) {
                if (!series.has(part.name)) series.set(part.name, new Series(part.name, this.geometric));
                series.get(part.name).add(part);
                exact &&= !part.reduced;
            }
        }
        Object.assign(this, {series, exact, offset});
        for (const event of this.missed) this.append(event);
        bus.tell("data", this.run);
    }

    /* The points of an event. False when something between them and ours is missing: then it has to be loaded again. */
    take(event) {
        if (this.loading) this.missed.push(event);
        return this.append(event);
    }

    append(event) {
        if (this.offset === null || event.to <= this.offset) return true;
        if (event.from > this.offset) return false;
        const overlaps = event.from < this.offset;
        for (const part of event.curves) {
            if (!this.series.has(part.name)) this.series.set(part.name, new Series(part.name, this.geometric));
            const series = this.series.get(part.name);
            const known = overlaps && series.steps.length ? series.steps[series.steps.length - 1] : -Infinity;
            if (this.to === null || !part.steps.length || part.steps[0] <= this.to) {
                const before = series.steps.length;
                series.add({...part, count: undefined}, known);
                if (part.reduced || series.steps.length < before) this.exact = false; // it was thinned out
            }
        }
        this.offset = event.to;
        return true;
    }
}
