/* Starts the parts of the page, in an order in which each hears of what comes. */
"use strict";

addEventListener("DOMContentLoaded", async () => {
    state.start();
    theme.start();
    for (const part of [tabs, runsList, curvesTab, steering, layersTab, modelTab, evaluationTab, drawingTab, keyboard]) part.start();
    try {
        await store.start();
        server.listen(["runs", "points", "state", "layers", "evaluation", "drawing"]);
        bus.tell("view", state.now);
    } catch (error) {
        $("#charts-empty").textContent = error.message + " Reload the page when the program runs again.";
        $("#charts-empty").hidden = false;
    }
});
