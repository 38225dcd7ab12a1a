/** The version of this package, as reports and `--version` give it. */
export const VERSION = "0.1.0";
