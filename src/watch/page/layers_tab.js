/* The layers of the current run: a row for each with what its numbers are like, warnings, and of the one that is chosen
 * the histogram over time (histogram.js draws it). */
"use strict";

const layersTab = (() => {
    let run = null, looks = [], next = 0, loading = false, failed = "";
    let kind = "", selected = null; // which rows are shown; the key of the one whose histogram is
    const {key, wrong} = layersTable;

    function add(look) {
        if (looks.length && look.step <= looks[looks.length - 1].step) return;
        looks.push(look);
        // Of a small net many looks are kept, of one with many layers fewer; when there are more, every second one goes.
        const kept = Math.max(50, Math.min(400, 40000 / look.layers.length));
        if (looks.length > kept) looks = looks.filter((_, i) => i % 2 === 0 || i === looks.length - 1);
    }

    async function load() {
        const current = store.current();
        if (!current || loading) return;
        if (run !== current.name) {
            run = current.name;
            looks = [];
            next = 0;
            selected = null;
        }
        loading = true;
        try {
            const answer = await server.get("/api/layers", {run, from: next || null});
            if (answer.run === run) {
                answer.looks.forEach(add);
                next = answer.next;
            }
            failed = "";
        } catch (error) {
            failed = error.message;
        }
        loading = false;
        if (store.current() && run !== store.current().name) load();
        else bus.tell("looks");
    }

    /* ---- warnings ---- */

    /* What the last look found that is no number, and since when. */
    function warning() {
        const last = looks[looks.length - 1], found = last ? last.layers.filter(wrong) : [];
        if (!found.length) return null;
        const first = found[0], what = first.nan > 0 ? "NaN" : "infinite values";
        const was = (look) => look.layers.some((layer) => key(layer) === key(first) && wrong(layer));
        let since = looks.length - 1;
        while (since > 0 && was(looks[since - 1])) since--;
        return {
            key: key(first),
            text: what + " in the " + first.kind + " of " + first.name +
                (found.length > 1 ? " and in " + (found.length - 1) + " more" : "") +
                ", since step " + say.count(looks[since].step) + " or before.",
        };
    }

    /* The last values of curves that are no numbers are told as well. */
    function oddCurve() {
        const current = store.current();
        if (!current || !store.isChosen(current.name)) return null;
        for (const [name, series] of store.wholeSeries(current.name)) {
            const odd = series.odd[series.odd.length - 1];
            if (!odd || series.last !== null) continue;
            const what = odd[1] === "nan" ? "NaN" : "infinite";
            return {text: name + " is " + what + ", last at step " + say.count(odd[0]) + "."};
        }
        return null;
    }

    let told = "";
    function banner() {
        const found = warning() ?? oddCurve(), text = found ? run + ": " + found.text : "";
        if (text === told) return;
        told = text;
        $("#banner").replaceChildren(...(found ? [icon("warning"), el("span", {}, text),
            found.key ? el("button", {type: "button", onclick: () => {
                selected = found.key;
                kind = "";
                state.set({tab: "layers"});
                render();
            }}, "Show") : ""] : []));
        $("#banner").hidden = !found;
    }

    /* ---- what is shown ---- */

    let kindsShown = "";
    function showKinds(kinds) {
        const now = JSON.stringify(kinds), all = ["", ...kinds];
        if (now !== kindsShown)
            $("#layer-kinds").replaceChildren(...all.map((one) => el("button", {
                type: "button", onclick: () => {
                    kind = one;
                    render();
                },
            }, one ? one + "s" : "all")));
        kindsShown = now;
        all.forEach((one, i) => $("#layer-kinds").children[i].setAttribute("aria-pressed", one === kind));
    }

    function render() {
        if (state.now.tab !== "layers") return;
        const last = looks.findLast(({layers}) => layers.length);
        $("#layers-empty").hidden = Boolean(last);
        $("#layers-empty").textContent = failed || (!store.current() ? "" : loading ? "Loading…" :
            "This run shows no layers. fac_run_module(run, model) in its program makes it look at them.");
        $("#layers-body").hidden = !last;
        if (!last) return;
        $("#layers-step").textContent = "as at step " + say.count(last.step) + ", the last of " + looks.length +
            (looks.length === 1 ? " look" : " looks");
        const kinds = [...new Set(last.layers.map((layer) => layer.kind))];
        if (!kinds.includes(kind)) kind = "";
        showKinds(kinds);
        const shown = last.layers.filter((layer) => !kind || layer.kind === kind);
        if (!shown.some((layer) => key(layer) === selected)) selected = key(shown[0]);
        const past = new Map(shown.map((layer) => [key(layer), []])); // of each layer {step, layer} in all looks
        for (const {step, layers} of looks)
            for (const layer of layers) past.get(key(layer))?.push({step, layer});
        layersTable.show(shown, selected, (name) => past.get(name).map(({layer}) => layer.norm ?? NaN));
        const chosen = shown.find((layer) => key(layer) === selected);
        histogram.show(layersTable.title(chosen), chosen.kind, past.get(selected));
    }

    const soon = once(() => {
        render();
        banner();
    });

    return {
        start() {
            bus.on("current", "connected", "reconnected", load);
            bus.on("looks", "theme", soon);
            bus.on("view", (changes) => {
                if ("tab" in changes) soon();
            });
            bus.on("data", once(banner));
            bus.on("event:layers", (event) => {
                if (event.run !== run || loading) return;
                if (event.line > next) return load(); // some were lost
                if (event.line < next) return;
                add(event.look);
                next = event.line + 1;
                soon();
            });
            layersTable.start((name) => {
                selected = name;
                render();
            });
            histogram.start();
        },
    };
})();
