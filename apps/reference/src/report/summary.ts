import { styleText } from "node:util";
import type { Report } from "./report.ts";

/** The end of the job in words a newcomer understands. */
export function summaryText(report: Report, place: { readonly origin: string; readonly data: string }): string {
  const bold = (text: string): string => styleText("bold", text);
  const number = (value: number): string => value.toLocaleString("en");
  const { rows, lake, trainingSet, models, baseRate, leak, champion, parity, serving, watched, audit, refusals } =
    report;
  const best = models.toSorted((a, b) => b.auc - a.auc);
  const credentials = `${place.data}/credentials.json`;
  const token = (who: string): string => `$(node -p "require('${credentials}').${who}.token")`;
  const passedOver =
    champion.passedOver === null
      ? ""
      : `\n  ${champion.passedOver.name} did better and was not promoted: ${champion.passedOver.reason}`;
  const curl = `curl --cacert ${place.data}/ca.pem -H "authorization: Bearer`;

  return `
${bold("What was built")}
  ${number(rows.ingested)} flights in the Delta table "${lake.table}", version ${lake.version}, ${lake.files} files.
  A training set of ${number(trainingSet.rows)} rows and ${trainingSet.features} features, each as it was known when the flight was about to leave.
  ${champion.name}@${champion.alias} is version ${champion.version} (${champion.trainer}), past its gates and approved by a second person.${passedOver}

${bold("How good it is")} (area under the ROC curve on June, which no model has seen; 0.5 is a coin)
${best.map(({ name, auc, logLoss }) => `  ${name.padEnd(10)} ${auc.toFixed(4)}   log loss ${logLoss.toFixed(4)}`).join("\n")}
  ${"base rate".padEnd(10)} 0.5000   log loss ${baseRate.logLoss.toFixed(4)}
  A join that looks past what was known would have claimed ${leak.auc.toFixed(4)}: it changes ${number(trainingSet.leakedRowsWithoutKnownAt)} rows.

${bold("How fast it answers")} (features fetched by key, over TLS, token and policy checked, recorded)
  ${number(serving.requests)} June flights asked for, ${serving.errors} errors, p50 ${serving.p50Ms.toFixed(1)} ms, p99 ${serving.p99Ms.toFixed(1)} ms.
  ${number(serving.streamed)} landings were pushed into the features meanwhile, and the model was swapped ${serving.swaps.made} times, each after ${number(Math.round(serving.swaps.compared / Math.max(1, serving.swaps.made)))} equal answers.
  AUC of those answers ${serving.auc.toFixed(4)}; the same flights on the training set's features ${serving.offlineAuc.toFixed(4)}.
  The ONNX file differs from the trainer by at most ${parity.maxAbsDiff.toExponential(1)}; of ${number(parity.online.values)} values online, ${number(parity.online.different)} differ from history.

${bold("What was served")} (every read is in the Delta table "feature_log")
  Of ${number(watched.skew.compared)} values, ${number(watched.skew.different)} differ from the point-in-time join of the same moment${causesOf(report)}.
  ${driftOf(report)}

${bold("Who was refused what")}
${refusals.map(({ principal, action, resource }) => `  ${principal} may not do ${action} on ${resource}`).join("\n")}
  The audit log of ${number(audit.entries)} entries ${audit.verified ? "verifies" : styleText("red", "DOES NOT VERIFY")}.

${bold("Try it")} (tokens live for an hour and are in ${credentials})
  ${curl} ${token("service")}" ${place.origin}/predict -H 'content-type: application/json' -d '{"flights":[{"origin":"ORD","destination":"LGA","distance":733,"date":"2001-06-30T22:00:00Z"}]}'
  ${curl} ${token("scientist")}" ${place.origin}/registry/models
  ${curl} ${token("admin")}" ${place.origin}/audit/verify

${report.unchanged ? "The data is unchanged: nothing was built again. " : ""}Took ${report.totalSeconds.toFixed(0)} s.
`;
}

function causesOf({ watched }: Report): string {
  const causes = Object.entries(watched.skew.causes).filter(([, count]) => count > 0);
  return causes.length === 0
    ? ""
    : `: ${causes.map(([cause, count]) => `${count.toLocaleString("en")} ${cause}`).join(", ")}`;
}

function driftOf({ watched }: Report): string {
  if (watched.drifted.length === 0) return "No feature is spread otherwise than in the training set.";
  const shown = watched.drifted.slice(0, 3).map(({ feature, psi }) => `${feature} (PSI ${psi.toFixed(2)})`);
  return `${watched.drifted.length === 1 ? "1 feature has" : `${watched.drifted.length} features have`} drifted since training, first ${shown.join(", ")}.`;
}
