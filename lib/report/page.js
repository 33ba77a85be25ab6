"use strict";
(() => {
  // Names come from strangers: all text is set as text, nothing is parsed as HTML.
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const add = (parent, tag, text) => {
    const node = parent.appendChild(document.createElement(tag));
    if (text !== undefined) node.textContent = String(text);
    return node;
  };
  const note = (parent, text) => { add(parent, "p", text).className = "note"; };
  const number = (value) => Number(value || 0).toLocaleString("en");
  const ratio = (hits, misses) => hits + misses > 0 ? (100 * hits / (hits + misses)).toFixed(1) + " %" : "–";

  const table = (parent, label, heads, rows) => {
    if (rows.length === 0) return note(parent, "Nothing is recorded.");
    const box = add(parent, "div");
    box.className = "scroll";
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", label);
    const whole = add(box, "table");
    const head = add(add(whole, "thead"), "tr");
    for (const text of heads) add(head, "th", text).scope = "col";
    const body = add(whole, "tbody");
    for (const row of rows) {
      const line = add(body, "tr");
      for (const text of row) add(line, "td", text);
    }
  };

  const map = (parent, edges) => {
    const make = (parent, tag, attributes) => {
      const node = parent.appendChild(document.createElementNS("http://www.w3.org/2000/svg", tag));
      for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
      return node;
    };
    const xs = edges.map.map((spot) => spot.longitude), ys = edges.map.map((spot) => spot.latitude);
    const left = Math.min(...xs), top = Math.max(...ys);
    const wide = Math.max(Math.max(...xs) - left, 0.01), high = Math.max(top - Math.min(...ys), 0.01);
    const most = Math.max(...edges.map.map((spot) => spot.edges));
    const svg = make(parent, "svg", { viewBox: "0 0 1000 500", role: "img", "aria-label": "Where the edges are; north is up" });
    for (const spot of edges.map) {
      const circle = make(svg, "circle", {
        cx: 30 + 940 * (spot.longitude - left) / wide, cy: 30 + 440 * (top - spot.latitude) / high,
        r: 5 + 20 * Math.sqrt((spot.edges - 1) / most),
      });
      make(circle, "title", {}).textContent = spot.edges > 1 ? `${spot.first} and ${spot.edges - 1} more` : spot.first;
    }
  };

  at("made").textContent = `Drawn from the store at ${data.made}. Days are in UTC.`;

  const releases = data.releases;
  if (releases.shown.length < releases.count) note(at("releases"), `The first ${releases.shown.length} of ${releases.count} apps.`);
  table(at("releases"), "Releases", ["App", "Current", "Rolled out to a share"], releases.shown.map((release) => [
    release.app, release.damaged || release.current || "–",
    (release.staged || []).map((stage) => `${stage.version}: ${+(100 * stage.share).toFixed(2)} %`).join(", ") || "–"]));

  const edges = data.edges;
  note(at("edges"), `${number(edges.count)} edges, ${number(edges.without_lans)} of them without LANs; ${number(edges.lans)} registered LANs. ` +
    `${number(edges.located)} edges have coordinates: they are drawn in cells of ${edges.cell} degrees.`);
  if (edges.map.length > 0) map(at("edges"), edges);

  table(at("days"), "Demand by day", ["Day", "Hits", "Misses", "Hit ratio"], data.demand.days.map((day) => [
    day.day, number(day.hits), number(day.misses), ratio(day.hits, day.misses)]));

  const lans = data.demand.lans;
  if (lans.length < data.demand.lan_count) note(at("lans"), `The ${lans.length} with most misses of ${number(data.demand.lan_count)}.`);
  table(at("lans"), "Demand by LAN", ["LAN", "Edge", "Hits", "Misses", "Hit ratio"], lans.map((lan) => [
    lan.lan, lan.edge || "none", number(lan.hits), number(lan.misses), ratio(lan.hits, lan.misses)]));

  const counts = (list) => Array.isArray(list) ? list.map(number).join(", ") : "";
  note(at("alerts"), "The newest alerts of seven days, 200 at most. Misses are those of each window, the current one first.");
  table(at("alerts"), "Alerts", ["Time", "LAN", "Egress", "Package", "Misses"], data.alerts.map((line) => [
    line.time || "", line.lan || "", line.egress || "", line.package || "", counts(line.misses)]));

  const rows = data.decisions.map((line) => [line.time || "", line.decision || "", line.edge || "–", line.package || "", line.rule || "",
    counts(line.misses), counts(line.hits)]);
  const show = () => {
    const sought = at("filter").value.toLowerCase();
    const found = rows.filter((row) => row.join("\n").toLowerCase().includes(sought));
    at("decisions").replaceChildren();
    note(at("decisions"), `${found.length} of the newest ${rows.length} decisions of seven days, 500 at most.`);
    table(at("decisions"), "Decisions", ["Time", "Decision", "Edge", "Package", "Rule", "Misses", "Hits"], found);
  };
  at("filter").addEventListener("input", show);
  show();
})();
