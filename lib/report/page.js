"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);

  // --- text: names come from strangers. All of it is set as text and nothing is parsed as HTML; what can't be seen, or turns the
  // direction of writing, is spelt out.
  const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
  const plain = (value) => String(value ?? "").replace(UNSEEN, (sign) => "\u27e8U+" + sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0") + "\u27e9");
  const number = (value) => Number(value || 0).toLocaleString("en");
  const plural = (count, one, many = one + "s") => `${number(count)} ${count === 1 ? one : many}`;
  const percent = (part, rest) => part + rest > 0 ? (100 * part / (part + rest)).toFixed(1) + " %" : "–";
  const bytes = (value) => {
    const units = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"];
    let unit = 0;
    for (value = Number(value || 0); value >= 999.5 && unit < units.length - 1; unit++) value /= 1000;
    return (unit === 0 ? number(value) : value.toPrecision(3)) + " " + units[unit];
  };
  const time = (value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(value) ? value.slice(0, 10) + " " + value.slice(11, 16) : plain(value);
  const windows = (list) => Array.isArray(list) ? list.map(number).join(" · ") : "–";
  const sum = (list, field) => list.reduce((total, item) => total + item[field], 0);

  // --- elements
  const at = (id) => document.getElementById(id);
  const add = (parent, tag, text, name) => {
    const node = parent.appendChild(document.createElement(tag));
    if (text !== undefined) node.textContent = plain(text);
    if (name) node.className = name;
    return node;
  };
  const note = (parent, text) => add(parent, "p", text, "note");
  const role = (node, name) => { node.setAttribute("role", name); return node; };

  // --- tables. A column: [head, cell of a row, kind]. A cell is a text, or a function that fills the element.
  const share = (part, whole, name = "") => (cell) => {
    const bar = add(add(cell, "span", undefined, "share " + name), "span");
    bar.style.width = whole > 0 ? Math.min(100, 100 * part / whole) + "%" : "0";
    bar.parentNode.setAttribute("aria-hidden", "true");
  };
  const fillCell = (cell, value) => typeof value === "function" ? value(cell) : cell.append(plain(value));
  const fillRow = (line, columns, row) => columns.forEach(([head, value, kind], i) => {
    const cell = role(add(line, i === 0 ? "th" : "td", undefined, kind), i === 0 ? "rowheader" : "cell");
    if (i === 0) cell.scope = "row";
    cell.dataset.label = head;
    fillCell(cell, value(row));
  });
  const makeTable = (parent, label, columns, rows) => {
    const box = role(add(parent, "div", undefined, "scroll"), "region");
    box.tabIndex = 0;
    box.setAttribute("aria-label", label);
    const whole = role(add(box, "table"), "table");
    const head = role(add(role(add(whole, "thead"), "rowgroup"), "tr"), "row");
    for (const [text, , kind] of columns) role(add(head, "th", text, kind), "columnheader").scope = "col";
    const body = role(add(whole, "tbody"), "rowgroup");
    for (const row of rows) fillRow(role(add(body, "tr"), "row"), columns, row);
  };
  // What a row is found by: its words, whatever they are called in the document.
  const words = (row) => JSON.stringify(Object.values(row)).toLowerCase();
  const FILTER_FROM = 8;
  const table = (parent, label, columns, rows, empty = "Nothing is recorded.") => {
    if (rows.length === 0) return void note(parent, empty);
    if (rows.length < FILTER_FROM) return void makeTable(parent, label, columns, rows);
    const line = add(parent, "div", undefined, "filter");
    const caption = add(line, "label", "Filter");
    const input = add(line, "input");
    input.type = "search";
    input.autocomplete = "off";
    input.setAttribute("aria-label", "Filter: " + label);
    caption.htmlFor = input.id = "filter-" + label.toLowerCase().replace(/[^a-z]+/g, "-");
    const found = role(add(line, "span"), "status");
    const box = add(parent, "div");
    const searched = rows.map(words);
    const show = () => {
      const sought = input.value.trim().toLowerCase();
      const kept = rows.filter((row, i) => searched[i].includes(sought));
      found.textContent = `${kept.length} of ${rows.length}`;
      box.replaceChildren();
      if (kept.length === 0) note(box, "Nothing matches.");
      else makeTable(box, label, columns, kept);
    };
    input.addEventListener("input", show);
    show();
  };
  const COUNTS = [
    ["Requests", (row) => number(row.hits + row.misses), "number"],
    ["Hit ratio", (row) => percent(row.hits, row.misses), "number"],
    ["Hits", (row) => row.hits + row.misses > 0 ? share(row.hits, row.hits + row.misses) : ""],
    ["Byte-hit ratio", (row) => percent(row.hit_bytes, row.miss_bytes), "number"],
    ["Bytes saved", (row) => bytes(row.hit_bytes), "number"],
  ];

  // --- the map
  const draw = (parent, tag, attributes) => {
    const node = parent.appendChild(document.createElementNS("http://www.w3.org/2000/svg", tag));
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };
  const extent = (values) => {
    const low = Math.min(...values), high = Math.max(...values), space = Math.max(0.08 * (high - low), 0.5);
    return [low - space, high + space];
  };
  const gridStep = (span, most) => [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 45, 90].find((step) => span / step <= most) || 90;
  const gridLines = (low, high, most) => {
    const step = gridStep(high - low, most), lines = [];
    for (let value = Math.ceil(low / step) * step; value <= high; value += step) lines.push(+value.toFixed(1));
    return lines;
  };
  const degrees = (value, positive, negative) => `${Math.abs(value)}°${value > 0 ? positive : value < 0 ? negative : ""}`;
  const spotText = (spot) => {
    const parts = ["silent", "full", "waiting"].filter((status) => spot[status]).map((status) => `${number(spot[status])} ${status}`);
    const name = spot.edge ?? plural(spot.edges, "edge");
    if (spot.edge !== undefined) return parts.length > 0 ? `${name}: ${parts[0].replace(/^\S+ /, "")}` : name;
    return parts.length > 0 ? `${name}: ${parts.join(", ")}` : name;
  };
  // A disc's area grows with its edges; the part of it that is coloured is the share of edges that need a look.
  const drawSpot = (svg, spot, x, y, radius) => {
    const group = draw(svg, "g", {});
    draw(group, "title", {}).textContent = plain(spotText(spot));
    const away = spot.silent || 0, held = (spot.full || 0) + (spot.waiting || 0);
    const disc = (part, name) => part > 0 && draw(group, "circle", { cx: x, cy: y, r: radius * Math.sqrt(part / spot.edges), class: name });
    disc(spot.edges, "fine");
    disc(away + held, "held-up");
    disc(away, "away");
  };
  const drawMap = (figure, edges) => {
    const width = Math.max(figure.clientWidth, 280), spots = edges.map;
    const [west, east] = extent(spots.map((spot) => spot.longitude)), [south, north] = extent(spots.map((spot) => spot.latitude));
    const flat = Math.cos((north + south) / 2 * Math.PI / 180) || 1;
    const height = Math.min(Math.max(width * (north - south) / ((east - west) * flat), 0.35 * width), 0.6 * width, 560);
    const scale = Math.min(width / ((east - west) * flat), height / (north - south));
    const x = (longitude) => width / 2 + (longitude - (east + west) / 2) * flat * scale;
    const y = (latitude) => height / 2 - (latitude - (north + south) / 2) * scale;
    const halfX = width / 2 / flat / scale, halfY = height / 2 / scale;
    const svg = draw(figure, "svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Map of the edges, north is up; the table below has the same edges" });
    for (const line of gridLines(Math.max((east + west) / 2 - halfX, -180), Math.min((east + west) / 2 + halfX, 180), width / 90)) {
      draw(svg, "line", { x1: x(line), x2: x(line), y1: 0, y2: height, class: "grid" });
      draw(svg, "text", { x: x(line) + 3, y: height - 5 }).textContent = degrees(line, "E", "W");
    }
    for (const line of gridLines(Math.max((north + south) / 2 - halfY, -90), Math.min((north + south) / 2 + halfY, 90), height / 60)) {
      draw(svg, "line", { x1: 0, x2: width, y1: y(line), y2: y(line), class: "grid" });
      draw(svg, "text", { x: 4, y: y(line) - 3 }).textContent = degrees(line, "N", "S");
    }
    // A large disc may cover a little of the cells beside its own.
    const most = Math.max(...spots.map((spot) => spot.edges)), alone = spots.length < edges.located ? 2.5 : 5;
    const largest = Math.min(Math.max(0.7 * edges.cell * scale, alone + 1), 18);
    for (const spot of spots) {
      const part = most > 1 ? Math.sqrt((spot.edges - 1) / (most - 1)) : 0;
      drawSpot(svg, spot, x(spot.longitude), y(spot.latitude), alone + (largest - alone) * part);
    }
    return svg;
  };
  const putMap = (parent, edges) => {
    const figure = add(parent, "figure");
    let svg = drawMap(figure, edges), width = figure.clientWidth;
    const caption = add(figure, "figcaption", `${plural(edges.located, "edge")} with coordinates` +
      (edges.map.length < edges.located ? `, in cells of ${edges.cell}°.` : "."));
    for (const [name, text] of [["fine", "nothing to do"], ["held-up", "waiting or full"], ["away", "silent"]]) {
      add(caption, "i", undefined, name);
      caption.append(text);
    }
    addEventListener("resize", () => {
      if (figure.clientWidth === width) return;
      width = figure.clientWidth;
      svg.remove();
      svg = drawMap(figure, edges);
      figure.prepend(svg);
    });
  };

  // --- the parts
  const { apps, edges, demand, nodes, alerts, decisions } = data;
  const hits = sum(demand.days, "hits"), misses = sum(demand.days, "misses");
  const hitBytes = sum(demand.days, "hit_bytes"), missBytes = sum(demand.days, "miss_bytes");
  at("made").textContent = `Made ${time(data.made)} UTC from what the store has. All times and days are in UTC.`;

  const card = (name, value, more) => {
    const box = add(at("overview"), "div");
    add(box, "dt", name);
    add(box, "dd", value);
    add(box, "dd", more);
  };
  const needs = ["silent", "full", "waiting"].filter((status) => edges.statuses[status] > 0).map((status) => `${number(edges.statuses[status])} ${status}`);
  const missing = new Set(alerts.map((line) => String(line.lan))).size;
  card("Hit ratio, 7 days", percent(hits, misses), `of ${plural(hits + misses, "request")}; by bytes ${percent(hitBytes, missBytes)}`);
  card("Bytes saved, 7 days", bytes(hitBytes), "that edges sent, and the CDN did not");
  card("Edges", number(edges.count), edges.count === 0 ? "none is registered" : needs.join(", ") || "nothing to do");
  card("Missing edges", number(missing), missing > 0 ? "LANs that ask enough for one" : "no alert in 7 days");
  card("Apps", number(apps.count), `${plural(sum(apps.shown, "versions"), "version")}, ${bytes(sum(apps.shown, "bytes"))}`);
  card("Cache nodes", number(nodes.count), nodes.count > 0 ? `last written ${time(nodes.shown[0].written)}` : "none has a hit table");

  const edgesAt = at("edges");
  note(edgesAt, `${plural(edges.count, "edge")}: ${plural(edges.held, "package")} held (${bytes(edges.held_bytes)}), ${number(edges.waiting)} waiting to be copied ` +
    `(${bytes(edges.waiting_bytes)}).` + (edges.without_lans > 0 ? ` ${number(edges.without_lans)} of them serve no LAN of their own.` : ""));
  if (edges.statuses.unread > 0) note(edgesAt, `What ${plural(edges.statuses.unread, "edge")} hold was not read in time; their status is "unread".`);
  if (edges.map.length > 0) putMap(edgesAt, edges);
  note(edgesAt, "Silent: a package has waited for over a day, and in that time nothing was heard of the edge. Full: over nine tenths of the quota " +
    "are taken. Waiting: a wanted package is not there yet. Heard: when what the edge holds last changed.");
  if (edges.shown.length < edges.count) note(edgesAt, `${number(edges.shown.length)} of ${number(edges.count)} edges: those that need a look come first.`);
  const taken = (row) => (row.held_bytes || 0) + (row.waiting_bytes || 0);
  table(edgesAt, "Edges", [
    ["Edge", (row) => row.edge, "name"],
    ["Status", (row) => (cell) => add(cell, "span", row.status, row.status)],
    ["Held", (row) => row.held === undefined ? "–" : number(row.held), "number"],
    ["Waiting", (row) => row.waiting === undefined ? "–" : number(row.waiting), "number"],
    ["Taken", (row) => row.held_bytes === undefined ? "–" : bytes(row.held_bytes), "number"],
    ["Quota", (row) => row.quota === null ? "no limit" : bytes(row.quota), "number"],
    ["Use", (row) => row.quota > 0 ? share(taken(row), row.quota, row.status === "full" ? "taken" : "") : ""],
    ["Heard", (row) => row.heard === null ? "never" : time(row.heard)],
  ], edges.shown, "No edge is registered.");

  const demandAt = at("demand");
  note(demandAt, "A hit: an edge in the device's LAN had the package. Bytes are sizes of packages that are still published.");
  if (demand.days.some((day) => !day.kept)) note(demandAt, "Evaluate keeps counts as long as the policy looks back; earlier days are gone.");
  table(demandAt, "Demand by day", [["Day", (row) => row.day, "name"], ...COUNTS], demand.days.filter((day) => day.kept || day.hits + day.misses > 0));
  add(demandAt, "h3", "By LAN");
  if (demand.lans.length < demand.lan_count) note(demandAt, `${number(demand.lans.length)} of ${number(demand.lan_count)} LANs: those with most misses.`);
  table(demandAt, "Demand by LAN", [["LAN", (row) => row.lan, "name"], ["Edge", (row) => row.edge ?? "none"], ...COUNTS], demand.lans);
  add(demandAt, "h3", "By channel");
  if (demand.channels.length < demand.channel_count)
    note(demandAt, `${number(demand.channels.length)} of ${number(demand.channel_count)} channels: those with most requests.`);
  table(demandAt, "Demand by channel", [["App", (row) => row.app, "name"], ["Channel", (row) => row.channel ?? "none"], ...COUNTS], demand.channels);

  note(at("missing"), "LANs without an edge that missed a package often enough for one: the newest alerts of seven days. Misses are counted by window of " +
    "the policy, the current one first.");
  table(at("missing"), "Missing edges", [
    ["Time", (row) => time(row.time)], ["LAN", (row) => row.lan, "name"], ["Seen from", (row) => row.egress || "–"],
    ["Package", (row) => row.package], ["Misses", (row) => windows(row.misses), "number"],
  ], alerts, "No alert in seven days.");

  note(at("decisions"), "The newest of seven days, with the counts behind them: by window of the policy, the current one first.");
  table(at("decisions"), "Decisions", [
    ["Time", (row) => time(row.time)], ["Decision", (row) => row.decision], ["Edge", (row) => row.edge || "none", "name"],
    ["Package", (row) => row.package], ["Rule", (row) => row.rule_name ?? row.rule],
    ["Misses", (row) => windows(row.misses), "number"], ["Hits", (row) => windows(row.hits), "number"],
  ], decisions, "No decision in seven days: pakhus evaluate makes them.");

  if (apps.shown.length < apps.count) note(at("apps"), `The first ${number(apps.shown.length)} of ${number(apps.count)} apps.`);
  const stages = (row) => (row.release?.staged ?? []).map((stage) => `${stage.version}: ${+(100 * stage.share).toFixed(2)} %`).join(", ") || "–";
  table(at("apps"), "Apps", [
    ["App", (row) => row.app, "name"],
    ["Current", (row) => row.damaged ? (cell) => add(cell, "span", row.damaged, "damaged") : row.release?.current || "not released"],
    ["Rolled out to a share", stages],
    ["Versions", (row) => number(row.versions), "number"],
    ["Stored", (row) => bytes(row.bytes), "number"],
  ], apps.shown, "Nothing is published.");

  note(at("nodes"), "Hit tables that cache nodes have in the store. Remembered: tokens and resources in them; each update of a cached copy writes one.");
  if (nodes.shown.length < nodes.count) note(at("nodes"), `${number(nodes.shown.length)} of ${number(nodes.count)} nodes: those that wrote last.`);
  table(at("nodes"), "Cache nodes", [
    ["Node", (row) => row.node, "name"], ["Instances", (row) => number(row.instances), "number"],
    ["Remembered", (row) => number(row.entries), "number"], ["Last written", (row) => time(row.written)],
  ], nodes.shown, "No node has a hit table in the store.");
})();
