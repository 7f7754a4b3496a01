import { describeOfflineEngine } from "../testing/index.ts";
import { arrow } from "./arrow.ts";

describeOfflineEngine("arrow", { create: () => arrow(), runs: 400 });
