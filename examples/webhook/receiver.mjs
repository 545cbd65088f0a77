// A receiver for Andon's webhooks, for Node.js 20 and newer, without dependencies.
//
//     ANDON_WEBHOOK_SECRET=whsec_… node receiver.mjs 8099
//
// It accepts a message only if its signature is valid and recent, and each message once: if an answer is lost, Andon
// sends the message again with the same id. If the program may restart, keep the ids in a database.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const TOLERANCE = 300; // seconds that the sender's clock, or the network, may be off
const LARGEST = 1_000_000; // bytes
const REMEMBERED = 10_000; // ids

const secret = process.env.ANDON_WEBHOOK_SECRET;
const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret);
const seen = new Set();

function fits(headers, body) {
  const id = headers["webhook-id"] ?? "";
  const moment = headers["webhook-timestamp"] ?? "";
  if (!/^\d{1,12}$/.test(moment) || Math.abs(Date.now() / 1000 - Number(moment)) > TOLERANCE) return false;
  const made = createHmac("sha256", key).update(`${id}.${moment}.`).update(body).digest("base64");
  const expected = Buffer.from(`v1,${made}`);
  return (headers["webhook-signature"] ?? "").split(" ").some((one) => {
    const given = Buffer.from(one);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

async function receive(request, response) {
  if (request.method !== "POST") return response.writeHead(405).end();
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > LARGEST) return response.writeHead(413).end();
    parts.push(part);
  }
  const body = Buffer.concat(parts);
  if (!fits(request.headers, body)) return response.writeHead(401).end("the signature is invalid or too old");
  const id = request.headers["webhook-id"];
  if (!seen.has(id)) {
    const message = JSON.parse(body);
    console.log(message.severity, message.phase, message.title, message.link);
    seen.add(id);
    if (seen.size > REMEMBERED) seen.delete(seen.values().next().value);
  }
  response.writeHead(204).end();
}

createServer((request, response) => {
  receive(request, response).catch(() => response.writeHead(400).end());
}).listen(Number(process.argv[2]), "127.0.0.1");
