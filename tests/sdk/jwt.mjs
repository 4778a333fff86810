// Tokens made by Node's own crypto, as a backend would that has no library (RFC 7519).
import { createHmac } from "node:crypto";

// A value as JSON, or a text as it is, as one part of a token.
export const part = (value) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

export function hs256(claims, secret) {
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}
