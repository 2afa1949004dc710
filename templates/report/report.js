// SPDX-License-Identifier: EUPL-1.2
// Every view but the start page is drawn here, from the data in this page. Text reaches the page only as text
// (textContent, never as markup), since names, reasons and evidence come from hosts.
"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const D = read("data");
  const T = read("local");
  const PAGE = 100;
  const ORDER = "nuseam"; // verdicts, the most urgent first
  const LIGHTS = ["fail", "unknown", "excepted", "good"];
  const LIGHT_ICON = { fail: "n", unknown: "u", excepted: "e", good: "m" };
  const locale = T.lang === "en" ? "en-GB" : T.lang;
  const collator = new Intl.Collator(locale, { numeric: true });
  const number = new Intl.NumberFormat(locale);
  const day = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeZone: "UTC" });
  const moment = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeStyle: "short", timeZone: "UTC" });
  const start = document.getElementById("start");
  const view = document.getElementById("view");
  const status = document.getElementById("status");

  const hosts = D.hosts.map((h, index) => ({
    index, name: h[0], tenant: h[1], site: h[2], room: h[3], class: h[4], profile: h[5], zone: h[6], address: h[7],
    collected: h[8], light: h[9], error: D.texts[h[10]], facts: h[11], letters: h[12], details: h[13],
  }));
  const controls = D.controls.map((c, index) => ({ ...c, index, title: T.titles[index] }));
  const modules = T.coverage.map(([id, title, classes, others, why, requirements]) => ({
    id, title, classes, others, why, requirements: requirements.map(([id, level, title, standings]) => ({
      id, level, title, controls: controls.filter((c) => c.bsi.some((b) => b[0] === id)),
      standings: standings.map(([classes, status, who, text]) => ({ classes, status, who, text })),
    })),
  }));
  const moduleOf = (requirement) => modules.find((m) => requirement.startsWith(m.id + ".A"));
  const rank = (items, key) => {
    const ranks = [];
    [...items].sort((a, b) => collator.compare(key(a), key(b))).forEach((item, place) => { ranks[item.index] = place; });
    return ranks;
  };
  const hostRank = rank(hosts, (h) => h.name);
  const controlRank = rank(controls, (c) => c.id);
  const count = (letters, letter) => letters.split(letter).length - 1;
  const detail = (host, column) => {
    host.byControl ??= new Map(host.details.map((d) => [d[0], d]));
    return host.byControl.get(column);
  };
  const reason = (host, column) => D.texts[detail(host, column)?.[1] ?? 0];

  // ---- small pieces -------------------------------------------------------------------------------------------

  function el(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (typeof value === "function") element.addEventListener(name, value);
      else if (value !== undefined && value !== null) element.setAttribute(name, value);
    }
    element.append(...children.flat(9).filter((child) => child !== null && child !== undefined));
    return element;
  }
  function say(text, values) {
    const form = Array.isArray(text) ? text[values.n === 1 ? 0 : 1] : text;
    return form.replace(/\{(\w+)\}/g, (_, name) => typeof values[name] === "number" ? number.format(values[name]) : values[name]);
  }
  function svg(tag, attributes) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }
  function icon(name) {
    const element = svg("svg", { class: "icon", "aria-hidden": "true" });
    element.append(svg("use", { href: "#i-" + name }));
    return element;
  }
  const badge = (letter) => letter === "-" ? T.verdicts["-"]
    : el("span", { class: "badge v-" + letter }, icon(letter), T.verdicts[letter]);
  const STATUS_ICON = { a: "m", p: "half", m: "person", n: "a" };
  const statusBadge = (status) => el("span", { class: "badge c-" + status }, icon(STATUS_ICON[status]), T.statuses[status]);
  const lightBadge = (light) => el("span", { class: "badge l-" + light }, icon(LIGHT_ICON[light]), T.lights[light]);
  const address = (parts, query) => "#/" + parts.map(encodeURIComponent).join("/") +
    (query ? "?" + new URLSearchParams(query) : "");
  const link = (text, parts, query) => el("a", { href: address(parts, query) }, el("bdi", null, text));
  const hostLink = (h) => link(h.name, ["host", h.tenant, h.name]);
  const siteLink = (h) => link(h.site, ["site", h.tenant, h.site]);
  const controlLink = (c) => [link(c.title, ["control", c.id]), el("span", { class: "id" }, c.id)];
  const pairs = (list) => el("dl", { class: "facts" }, list.filter((pair) => pair[1]).map(([name, value]) =>
    el("div", null, el("dt", null, name), el("dd", null, el("bdi", null, value)))));
  const title = (text, ...more) => [el("h1", { tabindex: "-1" }, el("bdi", null, text)), ...more];
  const distinct = (values) => [...new Set(values)].filter(Boolean).sort(collator.compare);

  function path(...steps) {
    return el("nav", { class: "path", "aria-label": T.path }, el("a", { href: "#/" }, T.overview),
      steps.flatMap((step) => [el("span", { "aria-hidden": "true" }, "›"), step]));
  }
  function lightBar(list) {
    const bar = svg("svg", { class: "bar", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" });
    const legend = el("span", { class: "counts" });
    let x = 0;
    for (const light of [...LIGHTS].reverse()) {
      const n = list.filter((h) => h.light === light).length;
      if (!n) continue;
      const width = 100 * n / list.length;
      bar.append(svg("rect", { class: "l-" + light, x, y: 0, width, height: 4 }));
      legend.append(el("span", { class: "l-" + light }, icon(LIGHT_ICON[light]), " " + number.format(n) + " ",
        el("span", null, T.lights[light])));
      x += width;
    }
    return [bar, legend];
  }

  // ---- tables: sortable, a part at a time, announced ------------------------------------------------------------

  // columns: {label, cell(row), sort(row)?, num?, head?, bare?}; returns an element with .fill(rows)
  function table(label, columns) {
    const body = el("tbody", { role: "rowgroup" });
    const counter = el("p", { class: "count" });
    const more = el("button", { class: "plain more", type: "button", click: () => { shown += PAGE; draw(); } });
    let rows = [], shown = PAGE, sorted = null, down = false;
    const heads = columns.map((column) => el("th", { role: "columnheader", scope: "col", class: column.num ? "num" : null },
      column.sort ? el("button", { type: "button", click: () => order(column) }, column.label) : column.label));
    const grid = el("table", { role: "table", "aria-label": label },
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, heads)), body);
    const box = el("div", null, counter, grid, more);

    function order(column) {
      down = sorted === column ? !down : Boolean(column.num);
      sorted = column;
      heads.forEach((head, i) => {
        if (columns[i] === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      });
      draw();
    }
    function draw() {
      let list = rows;
      if (sorted) {
        const keyed = rows.map((row) => [sorted.sort(row), row]);
        const compare = keyed.length && typeof keyed[0][0] === "number" ? (a, b) => a[0] - b[0] : (a, b) => collator.compare(a[0], b[0]);
        keyed.sort((a, b) => down ? compare(b, a) : compare(a, b));
        list = keyed.map((pair) => pair[1]);
      }
      const part = list.slice(0, shown);
      body.replaceChildren(...part.map((row) => el("tr", { role: "row" }, columns.map((column) => {
        const content = column.cell(row);
        return column.head ? el("th", { role: "rowheader", scope: "row" }, content)
          : el("td", { role: "cell", class: [column.num ? "num" : "", column.bare ? "bare" : ""].join(" ").trim() || null, "data-label": column.label }, content);
      }))));
      const left = list.length - part.length;
      const text = !list.length ? T.none : left ? say(T.shown_part, { k: part.length, n: list.length }) : say(T.shown, { n: list.length });
      counter.textContent = text;
      status.textContent = text;
      grid.hidden = !list.length;
      more.hidden = !left;
      more.textContent = say(T.show_more, { n: Math.min(PAGE, left) });
    }
    box.fill = (next) => { rows = next; shown = PAGE; draw(); return box; };
    return box;
  }

  // fields: [[key, label, options as [value, text]]]; changed(values) redraws, the address keeps the selection
  function filters(query, fields, changed, hint) {
    const inputs = new Map();
    const apply = () => {
      const values = {};
      for (const [key, input] of inputs) if (input.value.trim()) values[key] = input.value.trim();
      const base = current.split("?")[0];
      current = Object.keys(values).length ? base + "?" + new URLSearchParams(values) : base;
      history.replaceState(null, "", current);
      reset.hidden = !Object.keys(values).length;
      keepPlaceInOtherLanguage();
      changed(values);
    };
    const form = el("form", { class: "filters", role: "search", "aria-label": T.filters, submit: (event) => event.preventDefault() });
    const search = el("input", { type: "search", placeholder: hint || T.search_hint, autocomplete: "off", spellcheck: "false" });
    let waiting = 0;
    search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(apply, 150); });
    search.value = query.q || "";
    inputs.set("q", search);
    form.append(el("label", { class: "wide" }, T.search, search));
    for (const [key, label, options] of fields) {
      if (options.length < 2 && !query[key]) continue;
      const select = el("select", { change: apply }, el("option", { value: "" }, T.any),
        options.map(([value, text]) => el("option", { value }, text)));
      select.value = query[key] || "";
      inputs.set(key, select);
      form.append(el("label", null, label, select));
    }
    const reset = el("button", { class: "plain", type: "button", click: () => {
      for (const input of inputs.values()) input.value = "";
      apply();
      search.focus();
    } }, T.reset);
    form.append(reset);
    return [form, () => apply()];
  }
  const same = (values) => distinct(values).map((value) => [value, value]);
  const hostFields = (list) => [
    ["tenant", T.tenant, same(list.map((h) => h.tenant))], ["site", T.site, same(list.map((h) => h.site))],
    ["class", T.class, same(list.map((h) => h.class))], ["profile", T.profile, same(list.map((h) => h.profile))],
  ];
  const hostFits = (h, v) => (!v.tenant || h.tenant === v.tenant) && (!v.site || h.site === v.site) &&
    (!v.class || h.class === v.class) && (!v.profile || h.profile === v.profile) && (!v.light || h.light === v.light);
  const words = (q) => (q || "").toLocaleLowerCase(T.lang).split(/\s+/).filter(Boolean);
  const lower = (...parts) => parts.join(" ").toLocaleLowerCase(T.lang);
  const hostText = (h) => h.text ??= lower(h.name, h.tenant, h.site, h.room, h.class, h.profile, h.zone, h.address);
  const controlText = (c) => c.text ??= lower(c.id, c.title, c.role, ...c.bsi.map((b) => b[0]));

  // ---- results: one row per host and control --------------------------------------------------------------------

  function evidence(d) {
    if (!d || d.length < 4) return null;
    return el("details", null, el("summary", null, T.evidence), d.slice(3).map(([command, exit, out, err]) => [
      el("pre", { class: "command" }, D.texts[command]),
      el("p", { class: "quiet" }, T.exit_status + ": " + exit),
      el("pre", null, D.texts[out] || T.no_output),
      ...(D.texts[err] ? [el("p", { class: "quiet" }, T.errors_output), el("pre", null, D.texts[err])] : []),
    ]));
  }
  function why(h, column) {
    const d = detail(h, column);
    const parts = [];
    const given = d && d[2] >= 0 ? D.deviations[d[2]] : null;
    const text = D.texts[d?.[1] ?? 0];
    if (text) parts.push(el("bdi", { class: "why" }, text));
    if (given) {
      const line = [say(T.until, { date: day.format(new Date(given[3])) }), T.owner + ": " + D.texts[given[0]]];
      if (D.texts[given[2]]) line.push(T.compensation + ": " + D.texts[given[2]]);
      if (D.texts[given[1]] && D.texts[given[1]] !== text) parts.push(el("bdi", { class: "why" }, (text ? "\n" : "") + D.texts[given[1]]));
      parts.push(el("span", { class: "id" }, el("bdi", null, line.join(" · "))));
    }
    const seen = evidence(d);
    if (seen) parts.push(seen);
    return parts;
  }
  function results(query, scope, show) {
    const width = controls.length;
    const hostOf = (p) => hosts[Math.floor(p / width)];
    const controlOf = (p) => controls[p % width];
    const letterOf = (p) => hostOf(p).letters[p % width];
    const columns = [{ label: T.verdict, cell: (p) => badge(letterOf(p)), sort: (p) => ORDER.indexOf(letterOf(p)), bare: true }];
    if (show.host) columns.push({ label: T.host, head: true, cell: (p) => [hostLink(hostOf(p)), el("span", { class: "id" }, hostOf(p).tenant + " · " + hostOf(p).site)], sort: (p) => hostRank[hostOf(p).index] });
    if (show.control) columns.push({ label: T.control, head: !show.host, cell: (p) => controlLink(controlOf(p)), sort: (p) => controlRank[p % width], bare: true });
    columns.push({ label: T.reason, cell: (p) => why(hostOf(p), p % width), sort: (p) => reason(hostOf(p), p % width), bare: true });
    const grid = table(show.label, columns);
    const update = (v) => {
      const terms = words(v.q);
      const buckets = new Map([...ORDER].map((letter) => [letter, []]));
      for (const h of scope.hosts) {
        if (!hostFits(h, v)) continue;
        for (const c of scope.controls) {
          const letter = h.letters[c.index];
          if (letter === "-" || (v.verdict && letter !== v.verdict) || (v.role && c.role !== v.role)) continue;
          if (terms.length && !terms.every((t) => hostText(h).includes(t) || controlText(c).includes(t) ||
            reason(h, c.index).toLocaleLowerCase(T.lang).includes(t))) continue;
          buckets.get(letter).push(h.index * width + c.index);
        }
      }
      grid.fill([...buckets.values()].flat());
    };
    const present = new Set();
    for (const h of scope.hosts) for (const c of scope.controls) present.add(h.letters[c.index]);
    const [form, apply] = filters(query, [
      ["verdict", T.verdict, [...ORDER].filter((l) => present.has(l)).map((l) => [l, T.verdicts[l]])],
      ...(show.host ? hostFields(scope.hosts) : []),
      ...(show.control ? [["role", T.role, same(scope.controls.map((c) => c.role))]] : []),
    ], update);
    apply();
    return [form, D.shortened ? el("p", { class: "quiet" }, T.shortened) : null, grid];
  }

  function hostTable(query, list, show) {
    const grid = table(show.label, [
      { label: T.host, head: true, cell: (h) => [hostLink(h), el("span", { class: "id" }, el("bdi", null, [h.room, h.class, h.profile].filter(Boolean).join(" · ")))], sort: (h) => hostRank[h.index] },
      ...(show.site ? [{ label: T.site, cell: (h) => [siteLink(h), el("span", { class: "id" }, h.tenant)], sort: (h) => h.tenant + " " + h.site }] : []),
      { label: T.state, cell: (h) => lightBadge(h.light), sort: (h) => LIGHTS.indexOf(h.light), bare: true },
      { label: T.open_points, num: true, cell: (h) => number.format(count(h.letters, "n")), sort: (h) => count(h.letters, "n") },
      { label: T.verdicts.u, num: true, cell: (h) => number.format(count(h.letters, "u") + count(h.letters, "s")), sort: (h) => count(h.letters, "u") + count(h.letters, "s") },
      { label: T.verdicts.e, num: true, cell: (h) => number.format(count(h.letters, "e")), sort: (h) => count(h.letters, "e") },
    ]);
    const [form, apply] = filters(query, [
      ["light", T.state, LIGHTS.filter((l) => list.some((h) => h.light === l)).map((l) => [l, T.lights[l]])], ...hostFields(list),
    ], (v) => {
      const terms = words(v.q);
      grid.fill(list.filter((h) => hostFits(h, v) && terms.every((t) => hostText(h).includes(t))));
    });
    apply();
    return [form, grid];
  }

  // ---- modules: requirements, what proves them, and who answers the rest ------------------------------------------

  const official = (text) => el("span", { lang: "de" }, text); // the titles of the BSI are German in both languages
  // What all classes of the module agree on where the requirement applies, else partial.
  function overall(requirement) {
    const found = new Set(requirement.standings.map((s) => s.status).filter((status) => status !== "n"));
    return found.size > 1 ? "p" : [...found][0] || "n";
  }
  // Hosts that a control applies to and those of them that meet all; one that could not be asked meets nothing.
  function standing(list, asked) {
    let n = 0, k = 0;
    for (const h of list) {
      const letters = asked.map((c) => h.letters[c.index]).filter((letter) => letter !== "-" && letter !== "a");
      const silent = /^-*$/.test(h.letters);
      if (!letters.length && !silent) continue;
      n += 1;
      if (!silent && letters.every((letter) => letter === "m")) k += 1;
    }
    return { k, n };
  }
  function provenBy(row) {
    if (!row.controls.length) return null;
    const list = hosts.filter((h) => row.classes.includes(h.class));
    const all = standing(list, row.controls);
    return [all.n ? say(T.met_hosts, all) : el("span", { class: "quiet" }, T.met_nobody),
      el("details", null, el("summary", null, say(T.controls_n, { n: row.controls.length })),
        el("ul", { class: "list" }, row.controls.map((c) => {
          const one = standing(list, [c]);
          return el("li", null, el("span", null, controlLink(c)), el("span", { class: "amount" }, one.n ? say(T.met_of, one) : "–"));
        })))];
  }
  function requirementTable(query, m) {
    const rows = m.requirements.flatMap((requirement, place) => requirement.standings.map((s) => ({
      ...s, requirement, place, controls: "ap".includes(s.status) ? requirement.controls : [],
    })));
    const grid = table(m.title, [
      { label: T.requirement, head: true, cell: (r) => [official(r.requirement.title), el("span", { class: "id" }, r.requirement.id + " · " + T.level[r.requirement.level])], sort: (r) => r.place },
      { label: T.status, cell: (r) => [statusBadge(r.status), r.classes.length < m.classes.length ? el("span", { class: "id" }, r.classes.join(", ")) : null], sort: (r) => Object.keys(STATUS_ICON).indexOf(r.status), bare: true },
      { label: T.gap, cell: (r) => r.text ? [r.text, r.who ? el("span", { class: "id" }, T.answered + ": " + r.who) : null] : null, bare: true },
      { label: T.met_by, cell: provenBy, bare: true },
    ]);
    const [form, apply] = filters(query, [
      ["status", T.status, Object.keys(STATUS_ICON).filter((s) => rows.some((r) => r.status === s)).map((s) => [s, T.statuses[s]])],
      ["class", T.class, m.classes.map((name) => [name, name])],
    ], (v) => {
      const terms = words(v.q);
      grid.fill(rows.filter((r) => (!v.status || r.status === v.status) && (!v.class || r.classes.includes(v.class)) &&
        terms.every((t) => lower(r.requirement.id, r.requirement.title, r.text, r.who).includes(t) || r.controls.some((c) => controlText(c).includes(t))))
        .map((r) => v.class ? { ...r, classes: [v.class] } : r));
    }, T.requirements_hint);
    apply();
    return [form, grid];
  }

  // ---- views ------------------------------------------------------------------------------------------------------

  const views = {
    results: (_, query) => [title(T.results), results(query, { hosts, controls }, { host: true, control: true, label: T.results })],
    hosts: (_, query) => [title(T.hosts), hostTable(query, hosts, { site: true, label: T.hosts })],
    controls: (_, query) => {
      const tally = controls.map((c) => {
        const counts = {};
        for (const h of hosts) counts[h.letters[c.index]] = (counts[h.letters[c.index]] || 0) + 1;
        return { c, counts };
      });
      const grid = table(T.controls, [
        { label: T.control, head: true, cell: (r) => controlLink(r.c), sort: (r) => controlRank[r.c.index] },
        ...[..."nuem"].map((l) => ({ label: T.verdicts[l], num: true, cell: (r) => number.format(r.counts[l] || 0), sort: (r) => r.counts[l] || 0 })),
      ]);
      const [form, apply] = filters(query, [["role", T.role, same(controls.map((c) => c.role))]], (v) => {
        const terms = words(v.q);
        grid.fill(tally.filter((r) => (!v.role || r.c.role === v.role) && terms.every((t) => controlText(r.c).includes(t))));
      });
      apply();
      return [title(T.controls), form, grid];
    },
    modules: (_, query) => {
      const rows = modules.map((m, index) => {
        const counts = {};
        for (const requirement of m.requirements) counts[overall(requirement)] = (counts[overall(requirement)] || 0) + 1;
        return { m, index, counts };
      });
      const grid = table(T.modules, [
        { label: T.module, head: true, cell: (r) => [el("a", { href: address(["module", r.m.id]) }, official(r.m.title)), el("span", { class: "id" }, r.m.id)], sort: (r) => r.index },
        ...Object.keys(STATUS_ICON).map((s) => ({ label: T.statuses[s], num: true, cell: (r) => number.format(r.counts[s] || 0), sort: (r) => r.counts[s] || 0 })),
      ]);
      const [form, apply] = filters(query, [], (v) => {
        const terms = words(v.q);
        grid.fill(rows.filter((r) => terms.every((t) => lower(r.m.id, r.m.title, ...r.m.requirements.map((q) => q.title)).includes(t))));
      }, T.modules_hint);
      apply();
      return [title(T.modules, el("p", { class: "lead" }, T.modules_lead)), form, grid,
        el("section", null, el("dl", { class: "legend" }, Object.keys(STATUS_ICON).map((s) =>
          el("div", null, el("dt", null, statusBadge(s)), el("dd", null, T.status_means[s])))), el("p", { class: "label" }, T.mixed))];
    },
    module: ([id], query) => {
      const m = modules.find((one) => one.id === id);
      if (!m) return null;
      return [path(el("a", { href: "#/modules" }, T.modules)), el("p", { class: "eyebrow" }, m.id),
        el("h1", { tabindex: "-1", lang: "de" }, m.title),
        el("p", null, say(T.module_scope, { classes: m.classes.join(", ") }), m.why ? " " + say(T.module_others, { classes: m.others.join(", "), why: m.why }) : null),
        ...requirementTable(query, m)];
    },
    tenant: ([name]) => {
      const list = hosts.filter((h) => h.tenant === name);
      if (!list.length) return null;
      const sites = distinct(list.map((h) => h.site)).map((site) => list.filter((h) => h.site === site));
      return [path(), title(name), el("p", { class: "lead" }, say(T.n_hosts, { n: list.length })), lightBar(list),
        el("p", { class: "onward" }, el("a", { href: address(["results"], { verdict: "n", tenant: name }) }, T.of_tenant)),
        el("section", null, el("h2", null, T.sites), table(T.sites, [
          { label: T.site, head: true, cell: (s) => siteLink(s[0]), sort: (s) => s[0].site },
          { label: T.hosts, num: true, cell: (s) => number.format(s.length), sort: (s) => s.length },
          { label: T.state, cell: (s) => el("div", { class: "state" }, lightBar(s)), bare: true },
          { label: T.open_points, num: true, cell: (s) => number.format(open(s)), sort: open },
        ]).fill(sites))];
    },
    site: ([tenant, name], query) => {
      const list = hosts.filter((h) => h.tenant === tenant && h.site === name);
      if (!list.length) return null;
      return [path(link(tenant, ["tenant", tenant])), title(name), el("p", { class: "lead" }, say(T.n_hosts, { n: list.length })), lightBar(list),
        el("section", null, el("h2", null, T.hosts), hostTable(query, list, { label: T.hosts }))];
    },
    host: ([tenant, name], query) => {
      const h = hosts.find((one) => one.tenant === tenant && one.name === name);
      if (!h) return null;
      const facts = [];
      for (let i = 0; i < h.facts.length; i += 2) facts.push([D.texts[h.facts[i]], D.texts[h.facts[i + 1]]]);
      return [path(link(tenant, ["tenant", tenant]), siteLink(h)), title(h.name, el("p", null, lightBadge(h.light))),
        h.error ? el("p", { class: "lead" }, el("bdi", { class: "why" }, h.error)) : null,
        pairs([[T.room, h.room], [T.class, h.class], [T.profile, h.profile], [T.zone, h.zone], [T.address, h.address],
          [T.collected, h.collected ? moment.format(new Date(h.collected)) + " UTC" : T.never]]),
        facts.length ? el("details", null, el("summary", null, T.facts), pairs(facts)) : null,
        el("section", null, el("h2", null, T.controls), results(query, { hosts: [h], controls }, { control: true, label: T.controls }))];
    },
    control: ([id], query) => {
      const c = controls.find((one) => one.id === id);
      if (!c) return null;
      const tally = [...ORDER].map((l) => [l, hosts.filter((h) => h.letters[c.index] === l).length]).filter((pair) => pair[1]);
      const plain = /^[\w.-]+$/.test(c.id);
      return [path(el("a", { href: "#/controls" }, T.controls)), el("p", { class: "eyebrow" }, c.id), title(c.title),
        el("p", { class: "tally" }, tally.map(([l, n]) => el("span", null, el("strong", null, number.format(n)), " ", badge(l)))),
        pairs([[T.proof, T.proof_kind[c.evidence]], [T.role, c.role], [T.since, c.since],
          ...c.bsi.map(([req, sentences, level]) => {
            const m = moduleOf(req);
            const name = req + (sentences.length ? ", " + say(T.sentence, { n: sentences.length, list: sentences.join(", ") }) : "");
            return [T.bsi, el("span", null, m ? link(name, ["module", m.id], { q: req }) : name,
              ["", m?.title, T.level[level] + " – " + T.level_means[level]].filter((part) => part !== undefined).join(" · "))];
          })]),
        plain ? el("details", null, el("summary", null, T.remedy),
          el("pre", { class: "command" }, "ansible-playbook -i inventory/verbund.yml playbooks/site.yml --tags " + c.id)) : null,
        el("section", null, el("h2", null, T.hosts), results(query, { hosts, controls: [c] }, { host: true, label: T.hosts }))];
    },
    changes: (_, query) => {
      if (!D.changes) return [title(T.changes), el("p", null, T.no_previous)];
      const named = (r) => typeof r[2] === "number" ? controls[r[2]] : { id: r[2], title: r[2], bsi: [], role: "" };
      const kinds = Object.keys(T.kinds);
      const grid = table(T.changes, [
        { label: T.kind, cell: (r) => el("strong", null, T.kinds[r[0]]), sort: (r) => kinds.indexOf(r[0]), bare: true },
        { label: T.host, head: true, cell: (r) => [hostLink(hosts[r[1]]), el("span", { class: "id" }, hosts[r[1]].tenant + " · " + hosts[r[1]].site)], sort: (r) => hostRank[r[1]] },
        { label: T.control, cell: (r) => typeof r[2] === "number" ? controlLink(controls[r[2]]) : r[2], sort: (r) => named(r).id, bare: true },
        { label: T.before, cell: (r) => badge(r[3]), sort: (r) => ORDER.indexOf(r[3]) },
        { label: T.now, cell: (r) => badge(r[4]), sort: (r) => ORDER.indexOf(r[4]) },
      ]);
      const [form, apply] = filters(query, [
        ["kind", T.kind, kinds.filter((k) => D.changes.points.some((r) => r[0] === k)).map((k) => [k, T.kinds[k]])], ...hostFields(hosts),
      ], (v) => {
        const terms = words(v.q);
        grid.fill(D.changes.points.filter((r) => (!v.kind || r[0] === v.kind) && hostFits(hosts[r[1]], v) &&
          terms.every((t) => hostText(hosts[r[1]]).includes(t) || controlText(named(r)).includes(t))));
      });
      apply();
      const names = (heading, items) => items.length ? el("section", null, el("h2", null, heading), el("ul", { class: "list" }, items.map((item) => el("li", null, item)))) : null;
      return [title(T.changes), el("p", { class: "lead" }, moment.format(new Date(D.previous.finished)) + " → " + moment.format(new Date(D.run.finished))),
        form, grid, names(T.new_hosts, D.changes.new.map((i) => hostLink(hosts[i]))),
        names(T.missing_hosts, D.changes.missing.map((m) => el("bdi", null, m[0] + " (" + m[1] + " · " + m[2] + ")")))];
    },
  };
  const open = (list) => list.reduce((sum, h) => sum + count(h.letters, "n"), 0);

  // ---- addresses: #/view/part/part?filter=value, so that links, back and reload work -------------------------------

  const places = new Map();
  let current = "#/";
  let followed = false;

  function keepPlaceInOtherLanguage() {
    const other = document.getElementById("language");
    other.setAttribute("href", other.getAttribute("href").split("#")[0] + current);
  }
  function parse(hash) {
    const [route, query] = hash.slice(2).split(/\?(.*)/s);
    try {
      return [route.split("/").map(decodeURIComponent), Object.fromEntries(new URLSearchParams(query || ""))];
    } catch {
      return [["?"], {}];
    }
  }
  function show(first) {
    const hash = location.hash || "#/";
    if (!hash.startsWith("#/")) return;
    current = hash;
    const [[name, ...parts], query] = parse(hash);
    const atStart = name === "";
    start.hidden = !atStart;
    view.hidden = atStart;
    view.replaceChildren();
    status.textContent = "";
    if (!atStart) {
      const content = Object.hasOwn(views, name) ? views[name](parts, query) : null;
      const missing = [title(T.not_found), el("p", null, T.not_found_hint)];
      view.append(...(content || missing).flat(9).filter(Boolean));
    }
    const area = { "": "start", results: "results", changes: "changes", controls: "controls", control: "controls", modules: "modules", module: "modules" }[name] || "hosts";
    for (const item of document.querySelectorAll("#nav a")) {
      if (item.dataset.view === area) item.setAttribute("aria-current", "page");
      else item.removeAttribute("aria-current");
    }
    const heading = (atStart ? start : view).querySelector("h1");
    document.title = (atStart ? "" : heading.textContent + " · ") + T.title;
    keepPlaceInOtherLanguage();
    if (!first) {
      heading.focus({ preventScroll: true });
      scrollTo(0, followed ? 0 : places.get(current) || 0);
    }
    followed = false;
  }
  history.scrollRestoration = "manual";
  addEventListener("scroll", () => places.set(current, scrollY), { passive: true });
  addEventListener("click", (event) => { if (event.target.closest?.("a[href^='#/']")) followed = true; });
  addEventListener("hashchange", () => show(false));
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  });
  show(true);
})();
