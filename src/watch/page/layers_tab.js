/* The layers of the current run: a row for each with what its numbers are like, warnings, and of the one that is chosen
 * the histogram over time (histogram.js draws it). */
"use strict";

const layersTab = (() => {
    let run = null, looks = [], next = 0, loading = false, failed = "";
    let kind = "", selected = null; // which rows are shown; the "kind name" of the one that is spread out
    const kept = 400; // looks; when there are more every second one goes, of those in the middle

    const key = (layer) => layer.kind + " " + layer.name;
    const bad = (layer) => layer.nan > 0 || layer.inf > 0;

    function add(look) {
        if (looks.length && look.step <= looks[looks.length - 1].step) return;
        looks.push(look);
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
        const last = looks[looks.length - 1], found = last ? last.layers.filter(bad) : [];
        if (!found.length) return null;
        const first = found[0], what = first.nan > 0 ? "NaN" : "infinite values";
        const was = (look) => look.layers.some((layer) => key(layer) === key(first) && bad(layer));
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

    /* ---- the table ---- */

    function spark(layer) {
        const norms = looks.map((look) => look.layers.find((one) => key(one) === key(layer))?.norm ?? NaN);
        const good = norms.filter(Number.isFinite), low = Math.min(...good), high = Math.max(...good);
        const across = (i) => 1 + 78 * i / Math.max(1, norms.length - 1);
        const upwards = (norm) => 19 - 18 * (high > low ? (norm - low) / (high - low) : 0.5);
        const point = (norm, i) => across(i).toFixed(1) + "," + upwards(norm).toFixed(1);
        const points = norms.map((norm, i) => (Number.isFinite(norm) ? point(norm, i) : ""));
        return svg("svg", {width: 80, height: 20, "aria-hidden": "true", class: "spark"},
            svg("polyline", {points: points.join(" "), fill: "none", stroke: "currentColor"}));
    }

    function badges(layer) {
        const found = [];
        if (layer.nan > 0) found.push(["bad", say.count(layer.nan) + " NaN"]);
        if (layer.inf > 0) found.push(["bad", say.count(layer.inf) + " infinite"]);
        if (layer.units && layer.dead / layer.units >= 0.5) found.push(["warn", "half of it is dead"]);
        if (layer.kind === "gradient" && layer.zeros === 1) found.push(["warn", "no gradient"]);
        return found.map(([how, words]) => el("span.badge." + how, {}, words));
    }

    function row(layer) {
        const mine = key(layer) === selected;
        const pick = () => {
            selected = mine ? null : key(layer);
            render();
        };
        return el("tr" + (mine ? ".selected" : ""), {"data-layer": key(layer), onclick: pick},
            el("th", {scope: "row"}, el("button.plain", {type: "button", "aria-pressed": mine, onclick: (event) => {
                event.stopPropagation();
                pick();
                $('[data-layer="' + CSS.escape(key(layer)) + '"] button')?.focus();
            }}, layer.name || "(the net)"), el("div", {}, badges(layer))),
            el("td", {}, el("span.kind." + layer.kind, {}, layer.kind)),
            el("td.shape", {}, say.shape(layer.shape)),
            el("td", {}, el("span.with-spark", {}, spark(layer), say.number(layer.norm))),
            el("td", {}, say.number(layer.mean, 2) + " ± " + say.number(layer.std, 2)),
            el("td", {}, say.percent(layer.zeros)),
            el("td", {}, layer.units ? say.count(layer.dead ?? 0) + " of " + say.count(layer.units) : "–"));
    }

    function render() {
        if (state.now.tab !== "layers") return;
        const last = looks[looks.length - 1], kinds = last ? [...new Set(last.layers.map((layer) => layer.kind))] : [];
        $("#layers-empty").hidden = Boolean(last);
        $("#layers-empty").textContent = failed || (!store.current() ? "" : loading ? "Loading…" :
            "This run shows no layers. fac_run_module(run, model) in its program makes it look at them.");
        $("#layers-body").hidden = !last;
        if (!last) return;
        $("#layers-step").textContent = "as at step " + say.count(last.step) + ", the last of " + looks.length +
            (looks.length === 1 ? " look" : " looks");
        $("#layer-kinds").replaceChildren(...["", ...kinds].map((one) => el("button", {
            type: "button", "aria-pressed": one === kind, onclick: () => {
                kind = one;
                render();
                $('#layer-kinds [aria-pressed="true"]').focus();
            },
        }, one ? one + "s" : "all")));
        const rows = last.layers.filter((layer) => !kind || layer.kind === kind);
        if (!rows.some((layer) => key(layer) === selected)) selected = rows.length ? key(rows[0]) : null;
        const focus = document.activeElement?.closest?.("#layers-table tr")?.dataset.layer;
        $("#layers-table tbody").replaceChildren(...rows.map(row));
        if (focus) $('[data-layer="' + CSS.escape(focus) + '"] button')?.focus();
        const chosen = last.layers.find((layer) => key(layer) === selected);
        $("#histogram").hidden = !chosen;
        if (!chosen) return;
        const past = looks.map(({step, layers}) => ({step, layer: layers.find((one) => key(one) === selected)}));
        histogram.show(chosen.name || "(the net)", chosen.kind, past.filter(({layer}) => layer));
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
            histogram.start();
        },
    };
})();
