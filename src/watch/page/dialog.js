/* Questions that are asked before something is done: in the browser's own dialog, which keeps the focus and ends with
 * Escape. */
"use strict";

/* Resolves to what was typed in (true without a field), or null when it was called off. */
function ask({title, text, field, value = "", action, danger = false, check = () => ""}) {
    return new Promise((done) => {
        const input = !field ? null :
            el("input", {
                type: "text", value, "aria-label": field, maxLength: 100, spellcheck: false, autocomplete: "off",
            });
        const wrong = el("p.wrong", {role: "alert"});
        const yes = el("button.primary" + (danger ? ".danger" : ""), {type: "submit"}, action);
        const form = el("form", {method: "dialog"},
            el("h2", {}, title), text ? el("p", {}, text) : null, input, wrong,
            el("div.buttons", {}, el("button", {type: "button", onclick: () => dialog.close()}, "Cancel"), yes));
        const dialog = el("dialog", {"aria-label": title}, form);
        let answer = null;
        form.addEventListener("submit", (event) => {
            event.preventDefault();
            const problem = input ? check(input.value) : "";
            wrong.textContent = problem;
            if (problem) return;
            answer = input ? input.value : true;
            dialog.close();
        });
        dialog.addEventListener("close", () => {
            dialog.remove();
            done(answer);
        });
        document.body.append(dialog);
        dialog.showModal();
        if (input) input.select();
        else if (danger) $("button", form).focus(); // not the one that cannot be undone
    });
}
