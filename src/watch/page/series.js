/* The points of one curve, never more than twice Series.points of them: when there are more, each bucket keeps its
 * least and its greatest, so no extreme is lost. Beside each point stand the mean of the values that it stands for and
 * how many they are, so that smoothing weighs all that was logged, and not only the extremes. */
"use strict";

class Series {
    static points = 2000;

    constructor(name, geometric = false) {
        this.name = name;
        this.geometric = geometric; // buckets as a logarithmic axis needs them
        this.clear();
    }

    clear() {
        this.steps = [];
        this.values = []; // NaN where nothing finite was logged
        this.means = [];
        this.counts = [];
        this.times = []; // seconds since the run began; null when the server does not say
        this.odd = []; // [step, "nan" | "inf" | "-inf"]
        this.count = 0; // how many values were logged in all
        this.last = null;
        this.smoothed = {share: -1};
    }

    /* Points of the server's, behind those that are here. */
    add(part, after = -Infinity) {
        const {steps, values, means, counts, times} = part;
        if (!times) this.times = null;
        // Without counts, the points of a reduced curve share out how many there were.
        const share = part.reduced && steps.length ? Math.max(1, part.count / steps.length) : 1;
        let news = 0;
        for (let i = 0; i < steps.length; i++) {
            if (steps[i] <= after) continue;
            const value = values[i] === null ? NaN : values[i];
            this.steps.push(steps[i]);
            this.values.push(value);
            this.means.push(means && means[i] !== null ? means[i] : value);
            this.counts.push(counts ? counts[i] : share);
            if (this.times) this.times.push(times[i]);
            news++;
        }
        for (const odd of part.odd || []) if (odd[0] > after && this.odd.length < 200) this.odd.push(odd);
        this.count += after === -Infinity ? part.count ?? news : news;
        if (part.last !== undefined && part.last !== null) this.last = part.last;
        else if (news) this.last = values[values.length - 1];
        if (this.steps.length > 2 * Series.points) this.thin();
    }

    thin() {
        const old = {steps: this.steps, values: this.values, means: this.means, counts: this.counts, times: this.times};
        const n = old.steps.length, place = this.geometric ? (step) => Math.log(Math.max(step, 0.5)) : (step) => step;
        const first = place(old.steps[0]), width = (place(old.steps[n - 1]) - first) / (Series.points / 2) || 1;
        const kept = {steps: [], values: [], means: [], counts: [], times: old.times && []};

        for (let i = 0, end; i < n; i = end) {
            const bucket = Math.floor((place(old.steps[i]) - first) / width);
            let least = i, greatest = i, sum = 0, count = 0;
            for (end = i; end < n && Math.floor((place(old.steps[end]) - first) / width) <= bucket; end++) {
                if (!(old.values[least] <= old.values[end])) least = end;
                if (!(old.values[greatest] >= old.values[end])) greatest = end;
                if (Number.isNaN(old.means[end])) continue;
                sum += old.means[end] * old.counts[end];
                count += old.counts[end];
            }
            const chosen = least === greatest ? [least] : [Math.min(least, greatest), Math.max(least, greatest)];
            for (const j of chosen) {
                kept.steps.push(old.steps[j]);
                kept.values.push(old.values[j]);
                kept.means.push(count ? sum / count : NaN);
                kept.counts.push(Math.max(count, 1) / chosen.length);
                if (kept.times) kept.times.push(old.times[j]);
            }
        }
        Object.assign(this, kept);
        this.smoothed = {share: -1};
    }

    /* Where the points lie on the x axis. */
    x(axis) {
        return axis === "time" && this.times ? this.times : this.steps;
    }

    /* The exponential moving average, of which `share` is what is kept from value to value, without the bias of a
     * beginning at 0 (as Adam's averages are corrected). What was averaged already stays when points came behind it. */
    smooth(share) {
        if (!share) return this.values;
        let s = this.smoothed;
        if (s.share !== share) s = this.smoothed = {share, values: [], sum: 0, weight: 0};
        for (let i = s.values.length; i < this.values.length; i++) {
            const mean = this.means[i];
            if (Number.isNaN(mean)) {
                s.values.push(NaN);
                continue;
            }
            const keep = this.counts[i] === 1 ? share : Math.pow(share, this.counts[i]);
            s.sum = keep * s.sum + (1 - keep) * mean;
            s.weight = keep * s.weight + (1 - keep);
            s.values.push(s.sum / s.weight);
        }
        return s.values;
    }

    /* The index of the first point at or behind x. */
    static from(xs, x) {
        let low = 0, high = xs.length;
        while (low < high) {
            const middle = (low + high) >> 1;
            if (xs[middle] < x) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    /* The index of the point nearest to x, -1 when there is none. */
    static nearest(xs, x) {
        const i = Series.from(xs, x);
        if (i === xs.length) return i - 1;
        return i > 0 && x - xs[i - 1] < xs[i] - x ? i - 1 : i;
    }
}
