// Files dropped or chosen go up one by one, each with its progress; without this the form posts them all.
import { requestHeaders } from "./http.js";
import { toast } from "./toast.js";

const AT_ONCE = 2;
const waiting = [];
let running = 0;
let count = 0;

export function upgrade(root = document) {
  for (const form of root.querySelectorAll("[data-upload]")) {
    if (form.dataset.ready) continue;
    form.dataset.ready = "true";
    form.querySelector("input[type=file]").addEventListener("change", (event) => {
      for (const file of event.target.files) add(form, file);
      event.target.value = "";
    });
  }
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A line for the file, and a place in the queue. What is sent again after a failure is the same upload to the server. */
function add(form, file, batch = `${form.querySelector("[name=batch]").value}-${(count += 1)}`) {
  const bar = element("progress", { max: "100", value: "0", "aria-label": `Uploading ${file.name}` });
  const words = element("small", {}, "Waiting");
  const stop = element("button", { type: "button", class: "btn btn-quiet btn-sm" }, "Cancel");
  const name = element("span", { class: "truncate", dir: "auto", title: file.name }, file.name);
  const line = element("li", {}, element("div", { class: "row-main" }, name, bar, words), stop);
  form.querySelector("[data-uploads]").append(line);
  const job = { form, file, line, bar, words, stop, batch };
  stop.addEventListener("click", () => cancel(job));
  enqueue(job);
}

function enqueue(job) {
  waiting.push(job);
  next();
}

function next() {
  while (running < AT_ONCE && waiting.length) send(waiting.shift());
}

function cancel(job) {
  const place = waiting.indexOf(job);
  if (place >= 0) waiting.splice(place, 1);
  job.request?.abort();
  job.line.remove();
}

function send(job) {
  running += 1;
  const request = new XMLHttpRequest();
  job.request = request;
  request.open("POST", job.form.getAttribute("action"));
  const headers = { ...requestHeaders(), "HX-Request": "true", "HX-Request-Type": "partial", Accept: "text/html" };
  for (const [name, value] of Object.entries(headers)) if (name !== "Content-Type") request.setRequestHeader(name, value);
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    const percent = total ? Math.floor((loaded / total) * 100) : 0;
    job.bar.value = percent;
    job.words.textContent = percent < 100 ? `${percent} %` : "Being kept";
  });
  request.addEventListener("loadend", () => {
    running -= 1;
    next();
  });
  request.addEventListener("load", () => (request.status >= 200 && request.status < 300 ? done(job, request) : failed(job, told(request))));
  request.addEventListener("error", () => failed(job, "The server could not be reached."));
  const body = new FormData();
  body.append("batch", job.batch);
  body.append("file", job.file, job.file.name);
  request.send(body);
}

/** What a refusal says: the panel with its error, or plain text. */
function told(request) {
  const reply = new DOMParser().parseFromString(request.responseText, "text/html");
  const text = (reply.querySelector("[data-problem]") ?? reply.querySelector("h1") ?? reply.body).textContent.trim();
  return text.slice(0, 300) || `The server refused it (${request.status}).`;
}

function failed(job, why) {
  job.line.classList.add("is-bad");
  job.bar.remove();
  job.words.textContent = why;
  job.stop.textContent = "Dismiss";
  const again = element("button", { type: "button", class: "btn btn-sm" }, "Try again");
  again.addEventListener("click", () => {
    job.line.remove();
    add(job.form, job.file, job.batch);
  });
  job.line.append(again);
}

function done(job, request) {
  job.line.remove();
  toast({ kind: "success", text: `${job.file.name} added` });
  const list = job.form.closest("[data-files]")?.querySelector("[data-file-list]");
  const fresh = new DOMParser().parseFromString(request.responseText, "text/html").querySelector("[data-file-list]");
  if (list && fresh) {
    list.replaceWith(document.adoptNode(fresh));
  } else if (!job.form.querySelector("[data-uploads] li")) {
    location.reload();
  }
}
