/** The report of `server/doctor`, as Markdown. Pure. */
import type { Check } from "../shapes";

const SIGN = { failed: "❌", warning: "⚠️", ok: "✅" } as const;

/** What the report is made of. */
export interface Findings {
  /** The executable and its version, or why there is none. */
  readonly daemon: readonly string[];
  readonly problem?: string;
  readonly checks: readonly Check[];
}

/** The whole report: what is wrong first. */
export function render(findings: Findings): string {
  const lines = ["# CodeBeaker: Doctor", ""];
  if (findings.problem !== undefined) lines.push(`${SIGN.failed} **${escape(findings.problem)}**`, "");
  lines.push(...findings.daemon, "");
  const order: readonly Check["status"][] = ["failed", "warning", "ok"];
  const titles = { failed: "What can't be used", warning: "What works less well than it could", ok: "What is well" };
  for (const status of order) {
    const checks = findings.checks.filter((check) => check.status === status);
    if (checks.length === 0) continue;
    lines.push(`## ${titles[status]}`, "");
    for (const check of checks) lines.push(...renderCheck(check));
  }
  return `${lines.join("\n").trimEnd()}\n`;
}

function renderCheck(check: Check): string[] {
  const lines = [`- ${SIGN[check.status]} **${escape(check.id)}**: ${escape(check.summary)}`];
  if (check.reason !== undefined) lines.push(`  - why: ${escape(check.reason)}`);
  if (check.fix !== undefined) {
    lines.push(`  - ${escape(check.fix.description)}`);
    if (check.fix.command !== undefined) lines.push("", "    ```sh", `    ${check.fix.command}`, "    ```");
  }
  return [...lines, ""];
}

/** Text of others, which must not become Markdown, but for what stands between two backticks. */
function escape(text: string): string {
  const parts = text.replace(/\s*\n\s*/g, " ").split("`");
  const isCode = (index: number): boolean => index % 2 === 1 && index < parts.length - 1 && parts[index] !== "";
  return parts.map((part, index) => (isCode(index) ? `\`${part}\`` : part.replace(/[\\*_{}[\]<>#|]/g, "\\$&"))).join("");
}
