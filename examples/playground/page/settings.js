/* What the playground is set to, as play_state.h says it: the same text stands in the address behind the "#", after what only the page
 * knows (the step of the lesson, a logarithmic loss). Values are texts. The program has the last word: it is sent what was chosen, and
 * tells everybody what it is set to then. */
"use strict";

const settings = (() => {
    const keys = ["set", "n", "noise", "test", "sample", "net", "act", "seed", "loss", "opt", "lr", "decay", "batch", "stop", "speed", "own"];
    const first = {set: "xor", n: "200", noise: "0.1", test: "20", sample: "0", net: "5", act: "relu", seed: "42", loss: "mse",
        opt: "sgd", lr: "0.01", decay: "0", batch: "0", stop: "1000", speed: "100", own: ""};
    let now = {...first};
    let view = {step: "0", log: "0"};
    let known = 0; // the version of the program's state that we have
    let sending = null, changed = false;

    const write = (values) => keys.filter((key) => key !== "own" || values.own).map((key) => key + "=" + values[key]).join("&");

    /* {known pairs}, {the page's own}; what is unknown is left in, for the program to complain of. */
    function read(text) {
        const values = {}, own = {};
        for (const pair of text.split("&").filter(Boolean)) {
            const at = pair.indexOf("="), key = at < 0 ? pair : pair.slice(0, at), value = at < 0 ? "" : pair.slice(at + 1);
            (key in view ? own : values)[key] = value;
        }
        return [values, own];
    }

    const address = later(150, () => {
        const own = Object.entries(view).filter(([, value]) => value !== "0").map(([key, value]) => key + "=" + value);
        history.replaceState(null, "", "#" + [...own, write(now)].join("&"));
    });

    /* Sends what is chosen, until nothing has been chosen meanwhile. */
    async function sendAll() {
        while (changed) {
            changed = false;
            try {
                known = (await server.post("/api/state", {state: write(now)})).version;
            } catch (error) {
                notify(error.message, true);
                bus.tell("refresh");
            }
        }
        sending = null;
    }
    function send() {
        changed = true;
        sending = sending || sendAll();
        return sending;
    }

    return {
        get now() {
            return now;
        },
        get view() {
            return view;
        },
        first,
        /* The hidden layers, as numbers. */
        layers: () => (now.net ? now.net.split(",").map(Number) : []),
        points: () => (now.own ? now.own.split(";") : []),
        /* Resolved when the program has it. */
        change(changes) {
            now = {...now, ...changes};
            bus.tell("settings");
            address();
            return send();
        },
        setView(changes) {
            view = {...view, ...changes};
            bus.tell("view");
            address();
        },
        /* From the program. Whatever is older than what we sent is passed over. */
        take(event) {
            if (sending || event.version < known) return;
            known = event.version;
            now = {...first, ...read(event.state)[0]};
            bus.tell("settings");
            address();
        },
        /* The program was started again: it knows nothing of us. */
        restart() {
            known = 0;
            send();
        },
        get known() {
            return known;
        },
        /* What the address says, if it says something. True: it was sent. */
        fromAddress() {
            let text = location.hash.slice(1);
            try {
                text = decodeURIComponent(text);
            } catch {
                // as it is: the program will say what is wrong with it
            }
            const [values, own] = read(text);
            view = {...view, ...own};
            bus.tell("view");
            if (!Object.keys(values).length) return false;
            const strange = Object.keys(values).find((key) => !keys.includes(key));
            if (strange) {
                notify("The address says '" + strange.slice(0, 40) + "', which means nothing here.", true);
                return false;
            }
            now = {...first, ...values};
            send();
            bus.tell("settings");
            return true;
        },
    };
})();
