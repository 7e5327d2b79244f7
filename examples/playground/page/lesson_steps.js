/* The steps of the lesson. A task sets what differs from the first state, begins anew and plays; `then` says what is to be seen. The numbers
 * in the texts are those of these very states; docs/lesson.md has the same. */
"use strict";

const lessonSteps = [
    {
        title: "A network that learns",
        text: [
            "Every place of the plane has two numbers, x₁ and x₂. Its points are of two kinds: discs are a **1**, squares a **0**. The network is to learn which is where.",
            "The colours are what it answers: blue where it says 1, orange where it says 0, pale where it cannot tell.",
        ],
        tasks: [{label: "Let it learn", set: {}, then: "An **epoch** is a look at all four points. The **loss** says how wrong the answers are; learning makes it small. After 1000 epochs it is 0.0054, and the line parts the ones from the zeros."}],
    },
    {
        title: "One neuron, one line",
        text: [
            "A **neuron** multiplies each of its inputs by a **weight**, adds them up, and adds a **bias**. Where the sum is 0 it changes its mind: along a straight line.",
            "Two heaps can be told apart by a line, so one neuron will do.",
        ],
        tasks: [{label: "Part two heaps", set: {set: "gaussians", net: "", loss: "bce", lr: "0.1", stop: "1000"}, then: "Now choose the neuron on the right of the network and change its numbers: a weight turns the line, the bias shifts it. The hollow points are only tested with: the network never learns from them."}],
    },
    {
        title: "XOR has no such line",
        text: [
            "Two switches work one lamp. It is on when exactly one of them is up. The ones lie at opposite corners of a square, and so do the zeros.",
            "No straight line has the ones on one side and the zeros on the other. What does a single neuron make of it?",
        ],
        tasks: [{label: "Try one neuron", set: {net: "", lr: "0.1"}, then: "It answers 0.5 everywhere: the least bad it can do. The loss stays at 0.25, however long it tries."}],
    },
    {
        title: "A hidden layer",
        text: [
            "This is the lesson's network. Five neurons stand between the inputs and the output; each draws a line of its own. The output adds them up.",
            "Between them is a bend, the **activation**. ReLU turns negative numbers to 0.",
        ],
        tasks: [
            {label: "Learn XOR", set: {}, then: "It works. Rest the pointer on a neuron, or go to it with the Tab key, to see what it gives; choose it to see its weights. A link is as thick as its weight, blue where that is positive."},
            {label: "Take the bend away", set: {act: "identity"}, then: "Without a bend, two layers are no more than one: a sum of lines is a line. The loss stays at 0.25 again."},
        ],
    },
    {
        title: "Why 1000 epochs may not do",
        text: [
            "The weights begin with random numbers. The **seed** says which. The lesson's own program may well begin as unluckily as this:",
        ],
        tasks: [
            {label: "The same with seed 0", set: {seed: "0"}, then: "The loss ends at 0.1645, and XOR is not solved. PyTorch ends there too. Three of the five neurons have a dashed frame: they are **dead**. A ReLU whose sum is negative for all four points gives 0, its gradient is 0, and it never changes again."},
            {label: "Ten times as long", set: {seed: "0", stop: "10000", speed: "1000"}, then: "The two that live do not get there: the loss ends at 0.125, and two of the four answers are 0.5. Patience is not what is missing."},
        ],
    },
    {
        title: "What helps",
        text: ["Three things do: another beginning, more neurons, so that enough of them live, or an activation without a flat side, with which none dies."],
        tasks: [
            {label: "Sixteen neurons", set: {seed: "0", net: "16"}, then: "With the same seed half of them are dead, and the others are enough: all four answers are right after 1000 epochs."},
            {label: "Eight with tanh", set: {seed: "0", net: "8", act: "tanh", lr: "0.1"}, then: "After a hundred epochs all answers are right, after a thousand the loss is 0.0000. Try other seeds: press the dice under “The training”."},
        ],
    },
    {
        title: "The length of a step",
        text: [
            "**Gradient descent** is walking down a hill in fog. The gradient says which way is down; the **learning rate** is how far to step. You may change it while the network learns.",
        ],
        tasks: [
            {label: "Short steps: 0.001", set: {lr: "0.001"}, then: "It goes the right way, but after 1000 epochs it has hardly begun: the loss is 0.23."},
            {label: "Good steps: 0.3", set: {lr: "0.3"}, then: "Solved after some ten epochs."},
            {label: "Too long: 3", set: {lr: "3", speed: "10"}, then: "Each step leaps over the valley and lands higher on the other side. The loss grows without bounds, until it is no number any more."},
        ],
    },
    {
        title: "Borders that close",
        text: ["A ring within a ring: two lines cannot be bent around the inner one. How many neurons does it take?"],
        tasks: [
            {label: "Two neurons", set: {set: "circles", net: "2", act: "tanh", loss: "bce", lr: "0.1", stop: "5000", speed: "1000"}, then: "Two lines leave an open side: some 80 of 100 are right."},
            {label: "Four neurons", set: {set: "circles", net: "4", act: "tanh", loss: "bce", lr: "0.1", stop: "5000", speed: "1000"}, then: "Four close it: 97 of 100 are right. Each neuron's small map shows its own line."},
        ],
    },
    {
        title: "Deeper, and better steps",
        text: [
            "Spirals are hard. Two hidden layers of eight can do it: the second layer bends what the first has bent.",
            "Plain steps are slow here. **Adam** gives each weight a step length of its own, from the history of its gradients.",
        ],
        tasks: [
            {label: "SGD", set: {set: "spirals", n: "400", noise: "0.02", net: "8,8", act: "tanh", loss: "bce", lr: "0.1", stop: "1000", speed: "200"}, then: "After 1000 epochs it is hardly better than guessing: 64 of 100."},
            {label: "Adam", set: {set: "spirals", n: "400", noise: "0.02", net: "8,8", act: "tanh", loss: "bce", opt: "adam", lr: "0.01", stop: "1000", speed: "200"}, then: "The same network, as many epochs: all are right."},
        ],
    },
    {
        title: "Batches",
        text: ["So far every step looked at all points. With a **batch** of ten points it steps sixteen times in an epoch, each time in a direction that is only roughly right."],
        tasks: [
            {label: "All points at once", set: {set: "moons", noise: "0.15", net: "8", act: "tanh", loss: "bce", lr: "0.1", stop: "200", speed: "30"}, then: "After 200 epochs the loss is 0.33. The curve is smooth."},
            {label: "Ten at a time", set: {set: "moons", noise: "0.15", net: "8", act: "tanh", loss: "bce", lr: "0.1", batch: "10", stop: "200", speed: "30"}, then: "After 200 epochs it is 0.15. Many rough steps beat few exact ones; large networks learn no other way."},
        ],
    },
    {
        title: "Learning by heart",
        text: ["Few points with much noise, a large network, and time. The dashed curve is what counts: points that it has never seen."],
        tasks: [
            {label: "Much freedom", set: {set: "moons", n: "60", test: "50", noise: "0.35", net: "16,16", loss: "bce", opt: "adam", lr: "0.01", stop: "1000"}, then: "All 30 points are right in the end, but the loss on new ones rises to 2.9: it draws a border around every single point. This is **overfitting**."},
            {label: "With weight decay", set: {set: "moons", n: "60", test: "50", noise: "0.35", net: "16,16", loss: "bce", opt: "adam", lr: "0.01", decay: "0.03", stop: "1000"}, then: "**Weight decay** pulls all weights towards 0. The border stays simple, and the loss on new points stays at 0.51. More points would help as well."},
        ],
    },
    {
        title: "Your own points",
        text: ["Click into the plane to add points while it learns, and it begins anew with them. Can you make a set that it cannot learn?"],
        tasks: [{label: "Begin with these", set: {set: "own", net: "8", act: "tanh", loss: "bce", opt: "adam", lr: "0.03", stop: "0", speed: "1000",
            own: "0,0,0;0.8,0,1;-0.8,0,1;0,0.8,1;0,-0.8,1;0.55,0.55,1;-0.55,0.55,1;0.55,-0.55,1;-0.55,-0.55,1"}, then: "Put a 0 among the ones, and see how the border goes around it. The address of this page holds all of it, your points too: copy the link to keep it."}],
    },
    {
        title: "On to pictures",
        text: [
            "All this is a few lines of C: the program that does the same, to the last digit, is a click away.",
            "A picture of 28 × 28 brightnesses is a point with 784 numbers instead of 2. The loop stays the same. Watch it learn to tell shirts from shoes, with a network like this one or with a CNN, and draw for it:",
            "`build/examples/fashion --watch`",
        ],
        tasks: [{label: "Show me the C", act: () => program.show(), then: "Change it, and build it: its first lines say how."}],
    },
];
