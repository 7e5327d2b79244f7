/* The controls of the current run while it goes on: pause, single steps, stop, and the numbers and buttons that its
 * loop reads. */
"use strict";

const steering = (() => {
    let shown = ""; // run and knobs that there are elements for
    let knobs = []; // {name, update}
    let pace = null; // {step, time, rate}: steps a second, evened out

    const phone = matchMedia("(max-width: 620px)"); // where they would fill the window

    async function send(body) {
        const run = store.current();
        if (!run) return;
        try {
            await server.post("/api/steer", {run: run.name, ...body});
        } catch (error) {
            notify(error.message, true);
        }
    }

    function steer(action) {
        const run = store.current();
        if (run && action !== "step") store.expect(run.name, action === "pause");
        send({action});
    }

    async function stop() {
        const run = store.current();
        if (!run) return;
        const text = run.ended !== null ? "The program ends. What was logged stays." :
            "The training ends after this step. What was logged stays.";
        if ((await ask({title: "Stop " + run.name + "?", text, action: "Stop", danger: true}))) steer("stop");
    }

    /* How far to the right of a slider a value stands, from 0 to 1, and back: on a logarithmic scale where the range is
     * wide. Such a scale has no 0, but its left end may mean it. */
    function scaleOf({name, least, most}) {
        const log = most > 0 && (least > 0 ? most / least >= 100 : least === 0 && /rate|lr/i.test(name));
        if (!log) return {
            value: (share) => least + (most - least) * share,
            share: (value) => (value - least) / (most - least || 1),
        };
        const floor = least > 0 ? least : most * 1e-6;
        return {
            value: (share) => (share <= 0 ? least : floor * Math.pow(most / floor, share)),
            share: (value) => (value <= floor ? 0 : Math.log(value / floor) / Math.log(most / floor)),
        };
    }

    /* A number from least to most: a slider and a field. */
    function numberKnob({name, least, most}) {
        const scale = scaleOf({name, least, most});
        const id = "knob-" + name.replace(/\W+/g, "-");
        const slider = el("input", {type: "range", min: 0, max: 1000, step: 1, "aria-label": name + ", slider"});
        const field = el("input", {
            type: "text", id, inputMode: "decimal", size: 9, autocomplete: "off", spellcheck: false,
        });
        let held = 0; // until then what somebody sets is shown, not what the loop has

        const give = later(60, (value) => send({knob: name, value}));
        const set = (value) => {
            held = performance.now() + 1500;
            give(value);
        };
        slider.addEventListener("input", () => {
            const value = Number(scale.value(slider.value / 1000).toPrecision(3));
            field.value = say.brief(value);
            slider.setAttribute("aria-valuetext", field.value);
            set(Math.min(most, Math.max(least, value)));
        });
        const read = () => {
            const value = Number(field.value.replace("−", "-").replace(/(\d),(?=\d{3}\b)/g, "$1").replace(",", "."));
            const good = field.value.trim() !== "" && value >= least && value <= most;
            field.classList.toggle("bad", !good);
            field.setAttribute("aria-invalid", !good);
            if (!good) notify(name + " goes from " + say.brief(least) + " to " + say.brief(most) + ".", true);
            else {
                slider.value = 1000 * scale.share(value);
                set(value);
            }
        };
        field.addEventListener("change", read);
        field.addEventListener("keydown", (event) => {
            if (event.key === "Escape") field.blur();
        });
        return {
            name,
            element: el("div.knob", {"data-knob": name}, el("label", {htmlFor: id}, name), slider, field),
            update(value) {
                if (performance.now() < held || document.activeElement === field || !Number.isFinite(value)) return;
                const text = say.brief(value);
                if (field.value === text) return;
                field.value = text;
                field.classList.remove("bad");
                slider.value = 1000 * scale.share(value);
                slider.setAttribute("aria-valuetext", text);
            },
        };
    }

    function buttonKnob({name}) {
        return {
            name,
            element: el("button", {
                type: "button", "data-knob": name, onclick: () => send({knob: name, press: true}),
            }, name),
            update() {},
        };
    }

    function render() {
        const run = store.current(), bar = $("#steering");
        bar.hidden = !run || !run.live;
        if (bar.hidden) return;
        const known = run.knobs.map(({name, button, least, most}) => [name, button, least, most]);
        const now = JSON.stringify([run.name, known]);
        if (now !== shown) {
            shown = now;
            pace = null;
            knobs = run.knobs.map((knob) => (knob.button ? buttonKnob(knob) : numberKnob(knob)));
            $("#knobs").replaceChildren(...knobs.map((knob) => knob.element));
            $("#numbers").open = !phone.matches;
        }
        bar.style.setProperty("--run", palette.of(run.name));
        $("#steered").textContent = run.name;
        const pause = $("#pause");
        if (pause.dataset.paused !== String(run.paused)) {
            pause.dataset.paused = run.paused;
            pause.replaceChildren(icon(run.paused ? "play" : "pause"), run.paused ? "Resume" : "Pause");
        }
        const over = run.ended !== null; // it only waits to be looked at
        pause.hidden = $("#step").hidden = over;
        $("#numbers").hidden = over || !knobs.length;
        $("#step").disabled = !run.paused;
        for (const knob of knobs) knob.update(run.knobs.find((one) => one.name === knob.name)?.value);

        const time = performance.now() / 1000;
        if (!pace || run.step < pace.step || run.paused) pace = {step: run.step, time, rate: null};
        else if (time - pace.time > 1) {
            const rate = (run.step - pace.step) / (time - pace.time);
            pace = {step: run.step, time, rate: pace.rate === null ? rate : 0.7 * pace.rate + 0.3 * rate};
        }
        const words = ["step " + say.count(run.step) + (run.steps ? " of " + say.count(run.steps) : "")];
        if (over) words.push("trained, and there until it is stopped");
        else if (run.paused) words.push(run.waiting ? "paused" : "pausing…");
        else if (pace.rate) {
            words.push(say.number(pace.rate, 3) + " steps/s");
            const left = Math.round((run.steps - run.step) / pace.rate);
            if (run.steps > run.step) words.push(say.duration(Math.max(1, left)) + " left");
        }
        $("#progress-words").textContent = words.join(" · ");
        const meter = $("#progress");
        meter.hidden = !run.steps;
        meter.max = run.steps || 1;
        meter.value = Math.min(run.step, run.steps || 1);
    }

    return {
        toggle: () => steer(store.current()?.paused ? "resume" : "pause"),
        one: () => (store.current()?.paused ? steer("step") : steer("pause")),
        start() {
            const soon = once(render);
            bus.on("runs", "current", "theme", soon);
            bus.on("state", (name) => {
                if (name === store.current()?.name) soon();
            });
            $("#pause").addEventListener("click", steering.toggle);
            $("#step").addEventListener("click", () => steer("step"));
            $("#stop").addEventListener("click", stop);
            phone.addEventListener("change", () => ($("#numbers").open = !phone.matches));
            // A change of these is said aloud; the step number is not, since it never rests.
            let said = null;
            bus.on("state", "current", () => {
                const run = store.current();
                const now = run && run.live ? run.name + (run.paused ? " is paused." : " is running.") : null;
                if (now !== said && said !== null && now) $("#spoken").textContent = now;
                said = now;
            });
        },
    };
})();
