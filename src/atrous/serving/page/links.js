// The address that leads back to these settings, and the command that does the same.

export function linkOf({ settings, view, opacity, compare, only }) {
  const given = { ...settings, view, opacity: String(Math.round(100 * opacity)), compare, only: only ?? "" };
  const usual = { view: "overlay", opacity: "60" };
  const parts = Object.entries(given).filter(([name, value]) => value !== "" && value !== usual[name] && !String(value).startsWith("run:"));
  const query = new URLSearchParams(parts.map(([name, value]) => [name, String(value)]));
  return `#${query}`;
}

export function readLink(hash, { settings, view, opacity }) {
  const given = new URLSearchParams(hash.slice(1));
  const share = Number(given.get("opacity") ?? 100 * opacity) / 100;
  const only = /^\d{1,5}$/.test(given.get("only") ?? "") ? Number(given.get("only")) : null;
  const views = ["picture", "overlay", "map", "entropy", "difference"];
  return {
    settings: Object.fromEntries(Object.keys(settings).map((name) => [name, given.get(name) ?? ""])),
    view: views.includes(given.get("view")) ? given.get("view") : view,
    opacity: share >= 0 && share <= 1 ? share : opacity,
    compare: given.get("compare") ?? "",
    only,
  };
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

export function curlCommand({ settings }, picture, hasToken) {
  const fields = Object.entries(settings).filter(([, value]) => value !== "");
  return [
    "curl",
    ...(hasToken ? ["-H 'Authorization: Bearer TOKEN'"] : []),
    `-F image=@${quoted(picture?.name ?? "photo.jpg")}`,
    ...fields.map(([name, value]) => `-F ${name}=${/^[\w.,-]+$/.test(value) ? value : quoted(value)}`),
    "-F output=labels",
    `${new URL("v1/segment", location.href)}`,
    "-o labels.png",
  ].join(" ");
}
