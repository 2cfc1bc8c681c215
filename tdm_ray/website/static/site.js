"use strict";
// Search, marks and the choice of light or dark. Nothing is sent anywhere; texts are only ever set as text.
(() => {
  const root = document.currentScript.dataset.root;
  const at = (id) => document.getElementById(id);
  const keep = (name, value) => { try { localStorage.setItem(name, value); return true; } catch { return false; } };
  const kept = (name) => { try { return localStorage.getItem(name); } catch { return null; } };

  const theme = (value) => { if (value) document.documentElement.dataset.theme = value; };
  theme(kept("tdm-theme"));
  at("theme").addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = document.documentElement.dataset.theme || (dark ? "dark" : "light");
    theme(now === "dark" ? "light" : "dark");
    keep("tdm-theme", document.documentElement.dataset.theme);
  });

  // ---- search: every word must stand in task, dataset or metric; words that begin a name count most
  const SHOWN = 30;
  const input = at("search"), list = at("found"), told = at("told");
  let boards = null, loading = null, chosen = -1;

  const say = (text) => {
    const option = document.createElement("li");
    option.setAttribute("role", "option");
    option.setAttribute("aria-disabled", "true");
    option.textContent = told.textContent = text;
    list.replaceChildren(option);
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
  };

  const plain = (text) => text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  const load = () => loading ||= new Promise((done) => {
    const script = document.createElement("script");
    script.src = root + "search-index.js";
    script.onload = () => {
      boards = [];
      for (const [task, lines] of window.tdmIndex)
        for (const [dataset, metric, page, entries] of lines)
          boards.push({ task, dataset, metric, page, entries, text: plain(" " + dataset + " " + task + " " + metric + " ") });
      done();
    };
    script.onerror = () => { loading = null; script.remove(); say("The index of the search could not be read."); };
    document.head.append(script);
  });

  const find = (query) => {
    const words = plain(query).split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    const found = [];
    for (const board of boards) {
      let score = 0;
      for (const word of words) {
        const place = board.text.indexOf(word);
        if (place < 0) { score = -1; break; }
        score += board.text.includes(" " + word + " ") ? 3 : board.text.includes(" " + word) ? 2 : 1;
      }
      if (score > 0) found.push([score, board]);
    }
    return found.sort((a, b) => b[0] - a[0] || b[1].entries - a[1].entries).map((pair) => pair[1]);
  };

  const choose = (place) => {
    const options = list.hidden ? [] : list.querySelectorAll("[data-page]");
    if (options[chosen]) options[chosen].setAttribute("aria-selected", "false");
    chosen = options.length ? (place + options.length) % options.length : -1;
    if (chosen < 0) return input.removeAttribute("aria-activedescendant");
    options[chosen].setAttribute("aria-selected", "true");
    options[chosen].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", options[chosen].id);
  };

  const close = () => { list.hidden = true; input.setAttribute("aria-expanded", "false"); chosen = -1; input.removeAttribute("aria-activedescendant"); };

  const show = async () => {
    await load();
    const started = performance.now();
    const found = find(input.value);
    list.replaceChildren(...found.slice(0, SHOWN).map((board, number) => {
      const option = document.createElement("li"), more = document.createElement("span");
      option.id = "found-" + number;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      option.dataset.page = root + "boards/" + board.page + ".html";
      option.textContent = board.dataset;
      more.className = "count";
      more.textContent = board.task + ", " + board.metric + " · " + board.entries;
      option.append(more);
      return option;
    }));
    chosen = -1;
    input.removeAttribute("aria-activedescendant");
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    input.dataset.ms = (performance.now() - started).toFixed(1);
    input.dataset.words = input.value;
    told.textContent = input.value.trim() ? found.length + " leaderboards found" : "";
    if (input.value.trim() && !found.length) say("Nothing found: every word must stand in its task, dataset or metric.");
  };

  input.addEventListener("focus", () => { load(); if (input.value.trim() && boards) show(); });
  input.addEventListener("input", show);
  input.addEventListener("blur", () => setTimeout(close, 150));
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); choose(chosen + (event.key === "ArrowDown" ? 1 : chosen < 0 ? 0 : -1)); }
    else if (event.key === "Enter") { const options = list.hidden ? [] : list.querySelectorAll("[data-page]"); if (options.length) location.href = options[Math.max(chosen, 0)].dataset.page; }
    else if (event.key === "Escape") { input.value = ""; close(); }
  });
  list.addEventListener("mousedown", (event) => { const option = event.target.closest("[data-page]"); if (option && !event.button) location.href = option.dataset.page; });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) { event.preventDefault(); input.focus(); }
  });

  // ---- marks: kept in this browser until they are saved as the file that the next run reads
  const KEY = "tdm-marks " + new URL(root || ".", location.href).pathname; // sites of one origin share its storage
  const NUMBER = /^\D*\d[\d,.\s]*(e[-+]?\d+)?\s*(%|[kMB]|±.*|\(.*\))?$/i;
  const read = () => { try { return JSON.parse(kept(KEY)) || {}; } catch { return {}; } };
  const FIELDS = ["paper_id", "task", "dataset", "metric", "verdict", "score", "note"];
  const bar = () => {
    const count = Object.keys(read()).length;
    at("marks").hidden = !count;
    at("marks-count").textContent = count === 1 ? "1 mark" : count + " marks";
  };
  const about = (box) => ({ ...box.closest("[data-task]").dataset, ...box.closest("[data-paper]").dataset });
  const of = (box) => {
    const { paper, task, dataset, metric } = about(box);
    return { key: JSON.stringify([paper, task, dataset, metric]), row: { paper_id: paper, task, dataset, metric } };
  };
  const made = (kind, attributes, ...inner) => {
    const element = document.createElement(kind);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...inner);
    return element;
  };
  const fill = (box) => {
    const { name, score } = about(box);
    const button = (verdict, label) =>
      made("button", { type: "button", "data-verdict": verdict, "aria-pressed": "false", "aria-label": label + ": " + name }, verdict);
    const input = { size: 8, autocomplete: "off", placeholder: score, "aria-label": "The right score: " + name };
    box.append(made("span", {}, "Is it so?"), button("right", "Right"), button("wrong", "Wrong"), made("label", {}, "score ", made("input", input)));
  };
  const draw = (box) => {
    const mark = read()[of(box).key];
    for (const button of box.querySelectorAll("button")) button.setAttribute("aria-pressed", String(mark?.verdict === button.dataset.verdict));
    box.querySelector("input").value = mark?.score || "";
  };
  const put = (box, change) => {
    const marks = read(), { key, row } = of(box);
    const mark = { ...row, verdict: "", score: "", note: "", ...marks[key], ...change };
    if (mark.score && mark.verdict !== "right") mark.verdict = change.verdict === "wrong" ? (mark.score = "", "wrong") : "right";
    if (mark.verdict) marks[key] = mark; else delete marks[key];
    if (!keep(KEY, JSON.stringify(marks))) return alert("This browser keeps nothing for this page: the mark is not kept.");
    draw(box);
    bar();
  };
  // Filled here: without this script a mark could not be kept, and 600,000 boxes were a quarter of what was written.
  for (const box of document.querySelectorAll(".review")) {
    fill(box);
    draw(box);
    for (const button of box.querySelectorAll("button")) button.addEventListener("click", () => {
      const pressed = button.getAttribute("aria-pressed") === "true";
      put(box, pressed ? { verdict: "", score: "" } : { verdict: button.dataset.verdict });
    });
    box.querySelector("input").addEventListener("change", ({ target }) => {
      const score = target.value.trim();
      target.setCustomValidity(score && !NUMBER.test(score) ? "One number, as the paper prints it." : "");
      if (target.reportValidity()) put(box, { score });
    });
  }
  const quoted = (text) => /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  at("marks-export").addEventListener("click", () => {
    const lines = [FIELDS, ...Object.values(read()).map((mark) => FIELDS.map((name) => mark[name] || ""))];
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.map((line) => line.map(quoted).join(",") + "\n").join("")], { type: "text/csv" }));
    link.download = "marks.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  at("marks-clear").addEventListener("click", () => {
    if (!confirm("Forget all marks of this site that are kept in this browser?")) return;
    keep(KEY, "{}");
    document.querySelectorAll(".review").forEach(draw);
    bar();
  });
  bar();
})();
