/** The version of this package, as reports and `--version` give it. */
export const VERSION = "0.1.0";

/**
 * Version of the schema of reports (docs/reference/report.md): it changes when a key is renamed or taken away.
 */
export const SCHEMA_VERSION = 1;
