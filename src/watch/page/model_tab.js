/* The module of the current run: its tree with shapes and parameters, and the calls of its first forward, drawn. */
"use strict";

const modelTab = (() => {
    let run = null, model = null, failed = "", wanted = 0;

    async function load() {
        const current = store.current();
        run = current?.name ?? null;
        model = null;
        failed = "";
        const mine = ++wanted;
        if (current && current.model) {
            try {
                const answer = await server.get("/api/model", {run});
                if (mine === wanted) model = answer;
            } catch (error) {
                if (mine === wanted) failed = error.message;
            }
        }
        if (mine === wanted) render();
    }

    function treeRow(layer) {
        const inset = {scope: "row", style: "padding-left: " + 18 * layer.depth + "px"};
        return el("tr", {}, el("th", inset, layer.name || model.module || "(the net)"),
            el("td", {}, layer.type, layer.detail ? el("small", {}, layer.detail) : null),
            el("td.shape", {}, layer.shapes.map(([name, dims]) =>
                el("div", {}, name + " ", el("b", {}, say.shape(dims))))),
            el("td.number", {}, layer.parameters ? say.count(layer.parameters) : "–"));
    }

    function render() {
        $("#model-empty").hidden = Boolean(model);
        $("#model-empty").textContent = failed || (!store.current() ? "" :
            "This run shows no model. fac_run_module(run, model) in its program makes it do so.");
        $("#model-body").hidden = !model;
        if (!model || state.now.tab !== "model") return;
        $("#model-words").textContent = model.module + " · " + say.count(model.parameters) + " parameters";
        $("#model-tree tbody").replaceChildren(...model.tree.map(treeRow));
        $("#model-graph").replaceChildren(model.calls.length ? callGraph(model.calls) :
            el("p.empty", {}, "No forward has been seen yet."));
    }

    return {
        start() {
            bus.on("current", load);
            bus.on("runs", () => { // the model, or its calls, may come later than the run
                const current = store.current();
                if (current && current.model && (!model || !model.calls.length)) load();
            });
            bus.on("view", (changes) => {
                if ("tab" in changes) {
                    if (state.now.tab === "model" && model && !model.calls.length) load();
                    render();
                }
            });
        },
    };
})();
