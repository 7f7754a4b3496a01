export { compileJoin, type CompileJoinOptions, type SqlDialectName } from "./compile.ts";
export type { SqlDialect } from "./dialect.ts";
export {
  type JoinPlan,
  type JoinPlanOptions,
  type LatestFeature,
  type LatestPlan,
  planJoin,
  type SqlColumnType,
  type SqlLabels,
  type SqlName,
  type SqlSource,
  type SqlTime,
  type ViewPlan,
  type WindowedFeature,
  type WindowPlan,
} from "./plan.ts";
