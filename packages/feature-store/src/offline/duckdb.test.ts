import { describeOfflineEngine } from "../testing/index.ts";
import { duckdb } from "./duckdb.ts";

describeOfflineEngine("duckdb", { create: () => duckdb({ threads: 2 }), runs: 60 });
