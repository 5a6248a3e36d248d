// What is shown instead of a picture when something went wrong: a reason, and what can be done.

const TITLES = {
  refused: ["broken", (name) => `${name} cannot be read`],
  large: ["large", (name) => `${name} is too large`],
  busy: ["busy", () => "The server has its hands full"],
  offline: ["offline", () => "No answer from the server"],
  token: ["lock", () => "This server asks for a token"],
};

const sentence = (text) => (text ? text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".") : "");

export function showProblem(box, problem, { one, retry, remove }) {
  box.hidden = !problem;
  if (!problem || box.problem === problem) return;
  box.problem = problem;
  const [icon, title] = TITLES[problem.kind];
  box.className = `notice ${problem.kind}`;
  box.querySelector("use").setAttribute("href", `#${icon}`);
  box.querySelector("h2").textContent = title(one?.name ?? "The picture");
  box.querySelector("p").textContent = problem.kind === "token"
    ? "Whoever runs it has one. It is kept until this tab is closed."
    : sentence(problem.message);
  box.querySelector("form").hidden = problem.kind !== "token";
  const buttons = [];
  if (problem.kind === "busy") count(box, problem, problem.seconds);
  if (problem.kind === "offline") buttons.push(["Try again", retry]);
  if (one && (problem.kind === "refused" || problem.kind === "large")) buttons.push(["Remove it", remove]);
  box.querySelector(".buttons").replaceChildren(...buttons.map(([text, action]) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: text, className: "main" });
    button.addEventListener("click", action);
    return button;
  }));
}

function count(box, problem, seconds) {
  if (box.problem !== problem || box.hidden) return;
  box.querySelector("p").textContent = `This picture is sent again in ${Math.max(1, Math.ceil(seconds))} s.`;
  if (seconds > 1) setTimeout(() => count(box, problem, seconds - 1), 1000);
}
