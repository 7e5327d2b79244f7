/* The runs, and the curves of those that are compared. Tells "runs" when the list changed, "chosen" when others are
 * compared, "current" when the run of the other tabs is another, "data" when a run has new points, "state" when it went
 * on. */
"use strict";

const store = (() => {
    let runs = [], serving = null, names = new Map();
    const whole = new Map(), detail = new Map(); // name: CurveSet of all steps, and of the zoom
    const coming = new Map(); // what will take the place of those in `whole` when it is there

    const newest = () => serving ?? (runs.find((run) => run.live) ?? runs[0])?.name ?? null;
    const chosenNames = () => (state.now.run ?? [newest()]).filter((name) => names.has(name));

    /* ---- curves ---- */

    const geometric = () => state.now.logx && state.now.x === "step";

    async function load(set) {
        try {
            await set.load(names.get(set.run)?.step ?? 1);
        } catch (error) {
            if (names.has(set.run)) notify(set.run + ": " + error.message, true);
        }
    }

    function follow() {
        const chosen = chosenNames();
        for (const sets of [whole, coming])
            for (const name of sets.keys()) if (!chosen.includes(name)) sets.delete(name);
        for (const name of chosen) {
            if ((coming.get(name) ?? whole.get(name))?.geometric === geometric()) continue;
            const set = new CurveSet(name, null, null, geometric());
            coming.set(name, set);
            load(set).then(() => {
                if (coming.get(name) !== set) return; // another was asked for since
                coming.delete(name);
                if (set.offset === null) return;
                whole.set(name, set);
                bus.tell("data", name);
                look();
            });
        }
        look();
    }

    /* The steps of a zoom in a run, which on an axis of time are not the same for all. */
    function stepsOf(set) {
        const {from, to, x} = state.now;
        if (x === "step") return [Math.floor(from), Math.ceil(to)];
        let longest = null;
        for (const series of set.series.values())
            if (series.times && (!longest || series.steps.length > longest.steps.length)) longest = series;
        if (!longest) return null;
        const begin = Math.max(0, Series.from(longest.times, from) - 1);
        const end = Math.min(longest.steps.length - 1, Series.from(longest.times, to));
        return [longest.steps[begin], longest.steps[end]];
    }

    /* A zoom shows more of the points than fit into the whole: they are asked for when it holds still. */
    const look = later(120, () => {
        for (const name of detail.keys()) if (state.now.from === null || !whole.has(name)) detail.delete(name);
        if (state.now.from === null) return;
        for (const [name, set] of whole) {
            if (set.offset === null || set.exact) continue;
            const range = stepsOf(set), old = detail.get(name);
            const same = old && range && old.from === range[0] && old.to === range[1] && old.geometric === geometric();
            if (!range || same) continue;
            const next = new CurveSet(name, range[0], range[1], geometric());
            load(next).then(() => {
                // Only the last that was asked for is of interest, and it is shown when it is there.
                if (detail.get(name) !== next && next.offset !== null && state.now.from !== null && whole.has(name)) {
                    const wanted = stepsOf(whole.get(name));
                    if (wanted && wanted[0] === next.from && wanted[1] === next.to) detail.set(name, next);
                    bus.tell("data", name);
                }
            });
        }
    });

    function points(event) {
        const run = names.get(event.run);
        if (run) {
            run.points = event.to;
            for (const part of event.curves) {
                if (!run.curves.includes(part.name)) run.curves.push(part.name);
                run.last ||= {};
                if (part.values.length) run.last[part.name] = part.values[part.values.length - 1];
            }
        }
        for (const sets of [whole, coming, detail]) {
            const set = sets.get(event.run);
            if (set && !set.take(event)) load(set);
        }
        bus.tell("data", event.run);
    }

    /* ---- what was asked for ---- */

    /* A pause that was asked for, or its end, is taken as given for a while, so that the next press means the other: what
     * the run says next, it may have said before it heard of it. */
    const expected = new Map(); // name: {paused, until}
    function heed(run) {
        const wanted = expected.get(run.name);
        if (wanted && performance.now() < wanted.until) run.paused = wanted.paused;
    }

    /* ---- the list ---- */

    let shown = null; // the current run, as it was told last
    function tellCurrent() {
        const current = store.current()?.name ?? null;
        if (current === shown) return;
        shown = current;
        bus.tell("current");
    }

    function list(answer) {
        const before = names;
        runs = answer.runs;
        serving = answer.serving;
        names = new Map(runs.map((run) => [run.name, run]));
        palette.meet([...runs].sort((a, b) => a.started - b.started).map((run) => run.name));
        for (const run of runs) {
            heed(run);
            const old = before.get(run.name);
            if (old && old.started === run.started) run.last ??= old.last;
            else for (const sets of [whole, coming, detail]) sets.delete(run.name); // another of the same name
            if (old && old.live && !run.live)
                notify(run.name + (run.outcome === "finished" ? " has finished." : " has ended."));
        }
        follow();
        bus.tell("runs");
        bus.tell("chosen");
        tellCurrent();
    }

    /* What the list does not say is asked for run by run: the last value of the loss. */
    async function lastOf(run) {
        const curve = store.lossCurve(run);
        if (!curve || run.last) return;
        run.last = {};
        try {
            const answer = await turns.take(() => server.get("/api/curves", {run: run.name, curve, buckets: 2}));
            run.last[curve] = answer.curves[0]?.last ?? null;
            bus.tell("runs");
        } catch {
            // it is only a number less in the list
        }
    }

    async function reload() {
        list(await server.get("/api/runs"));
    }

    return {
        get runs() { return runs; },
        get serving() { return serving; },
        run: (name) => names.get(name),
        chosen: () => chosenNames().map((name) => names.get(name)),
        isChosen: (name) => chosenNames().includes(name),
        /* The run that the controls and the tabs of one run show. */
        current() {
            const chosen = chosenNames();
            return names.get(state.now.of) ?? names.get(chosen.includes(serving) ? serving : chosen[0]) ?? null;
        },
        /* The curve that stands for a run in the list. */
        lossCurve: (run) => ["loss/train", "loss"].find((name) => run.curves.includes(name)) ??
            run.curves.find((name) => name.startsWith("loss")) ?? run.curves[0] ?? null,
        lastOf,

        choose(name, yes) {
            const others = chosenNames().filter((other) => other !== name);
            state.set({run: yes ? [...others, name] : others});
        },
        select(name) {
            const chosen = chosenNames();
            state.set({of: name, run: chosen.includes(name) ? chosen : [...chosen, name]});
        },
        only(name) {
            state.set({of: name, run: [name]});
        },

        /* All series of a run that are drawn between from and to: the zoom's own where they are there. */
        series(name) {
            const {from, x} = state.now, set = whole.get(name), close = detail.get(name);
            if (from === null || !set || !close || close.offset === null) return set ? set.series : new Map();
            const range = stepsOf(set);
            return range && close.from <= range[0] && close.to >= range[1] ? close.series : set.series;
        },
        /* All series of a run from its first step to its last. */
        wholeSeries: (name) => whole.get(name)?.series ?? new Map(),
        loading: () => coming.size > 0,

        expect(name, paused) {
            expected.set(name, {paused, until: performance.now() + 1500});
            names.get(name).paused = paused;
            bus.tell("state", name);
        },
        async rename(from, to) {
            await server.post("/api/rename", {run: from, to});
            palette.rename(from, to);
            const run = state.now.run?.map((name) => (name === from ? to : name)) ?? null;
            state.set({run, of: state.now.of === from ? to : state.now.of});
            await reload();
        },
        async remove(name) {
            await server.post("/api/delete", {run: name});
            const run = state.now.run?.filter((other) => other !== name) ?? null;
            state.set({run, of: state.now.of === name ? null : state.now.of});
            await reload();
        },

        async start() {
            bus.on("event:runs", list);
            bus.on("event:points", points);
            bus.on("event:state", (event) => {
                const run = names.get(event.run);
                if (!run) return;
                Object.assign(run, {step: event.step, paused: event.paused, waiting: event.waiting});
                heed(run);
                for (const {name, value} of event.knobs || []) {
                    const knob = run.knobs.find((one) => one.name === name);
                    if (knob) knob.value = value;
                }
                bus.tell("state", event.run);
            });
            const again = () => reload().catch((error) => notify(error.message, true));
            bus.on("connected", again); // something may have changed between the first question and the first event
            bus.on("reconnected", () => {
                for (const sets of [whole, coming, detail]) sets.clear();
                again();
            });
            bus.on("view", (changes) => {
                if ("run" in changes || "logx" in changes || "x" in changes) follow();
                if ("from" in changes) look();
                if ("run" in changes || "of" in changes) bus.tell("chosen");
                tellCurrent();
            });
            await reload();
        },
    };
})();
