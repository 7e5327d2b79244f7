/* Starts the parts of the page, in an order in which each hears of what comes. */
"use strict";

addEventListener("DOMContentLoaded", async () => {
    state.start();
    theme.start();
    const parts = [tabs, runsList, curvesTab, steering, layersTab, modelTab, evaluationTab, drawingTab, keyboard];
    for (const part of parts) part.start();
    try {
        await store.start();
        bus.tell("view", state.now);
        server.listen(["runs", "points", "state", "layers", "evaluation", "drawing"]);
    } catch (error) {
        $("#charts-empty").textContent = error.message + " Reload the page when the program runs again.";
        $("#charts-empty").hidden = false;
    }
});
