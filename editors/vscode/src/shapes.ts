/** Names for parts of the protocol's shapes, as the extension speaks of them. */
import type {
  ContextListResult,
  ExecutionExited,
  ExecutionListResult,
  ExecutionOutput,
  ExecutionResizePtyParams,
  FsStatResult,
  InitializeServer,
  RunCellParams,
  RunParams,
  ServerDoctorResult,
  SessionCreateParams,
  SessionExecuteParams,
  SessionListResult,
} from "./protocol";

/** What the daemon offers on this connection. */
export type Offer = InitializeServer;
export type RuntimeInfo = Offer["runtimes"][number];
export type EngineInfo = Offer["engines"][number];
export type Session = SessionListResult["sessions"][number];
export type SessionState = Session["state"];
export type SessionWish = SessionCreateParams;
export type Execution = ExecutionListResult["executions"][number];
/** How an execution ended. */
export type Ending = Pick<ExecutionExited, "outcome" | "exitCode" | "signal" | "durationMs">;
export type Source = NonNullable<SessionExecuteParams["source"]>;
export type StreamName = ExecutionOutput["stream"];
export type Encoding = ExecutionOutput["encoding"];
export type PtySize = Pick<ExecutionResizePtyParams, "cols" | "rows">;
export type RunCommand = RunParams;
/** Which cells run. */
export type RunCells = RunCellParams;
/** A live interpreter. */
export type Context = ContextListResult["contexts"][number];
export type Entry = Omit<FsStatResult, "etag">;
export type Check = ServerDoctorResult["checks"][number];

/** `data` of an error of the daemon's. */
export interface FaultData {
  readonly kind?: string;
  readonly hint?: string;
  readonly path?: string;
  readonly sessionId?: string;
  readonly executionId?: string;
}
