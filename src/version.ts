/** The version of this package, shown in reports and by `--version`. */
export const VERSION = "0.1.0";

/** Version of the report schema (docs/reference/report.md). It changes when a key is renamed or removed. */
export const SCHEMA_VERSION = 1;
