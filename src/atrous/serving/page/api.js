// Requests to the server this page came from, and what can be wrong with them.

export class Problem extends Error {
  // kind: "refused" (this picture never), "large", "busy" (again after some seconds), "offline" or "token".
  constructor(kind, message, seconds = 0) {
    super(message);
    Object.assign(this, { kind, seconds });
  }
}

let token = sessionStorage.getItem("token") ?? "";

export function setToken(value) {
  token = value;
  sessionStorage.setItem("token", value);
}

export const hasToken = () => token !== "";

async function request(path, options = {}) {
  let response;
  try {
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    response = await fetch(path, { ...options, headers });
  } catch {
    throw new Problem("offline", "The server does not answer. It may have been stopped, or the network is down.");
  }
  if (response.ok) return response;
  const { message } = await response.json().catch(() => ({ message: response.statusText }));
  const kinds = { 401: "token", 413: "large", 503: "busy", 408: "busy", 429: "busy" };
  const seconds = Number(response.headers.get("retry-after") ?? 1);
  throw new Problem(kinds[response.status] ?? (response.status >= 500 ? "offline" : "refused"), message, seconds);
}

export const describe = async () => (await request("v1/model")).json();

// `settings`: {model, output_stride, scales, flip}; empty ones are left to the server.
export function segment(file, settings, extra) {
  const form = new FormData();
  for (const [name, value] of Object.entries({ ...settings, ...extra })) {
    if (value !== "" && value !== null) form.append(name, value);
  }
  form.append("image", file, "image");
  return request("v1/segment", { method: "POST", body: form });
}
