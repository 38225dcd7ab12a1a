/** Lets a test see, and delay, what the runtime's process is asked for. */
import type * as Service from "../../src/runtime/service.js";

/**
 * For `vi.mock("../../src/runtime/service.js", (original) => watchedService(original, …))`.
 * @param before runs before each call, with the name of its function and its arguments
 */
export async function watchedService(
  original: () => Promise<unknown>,
  before: (method: string, args: readonly unknown[]) => unknown,
): Promise<object> {
  const real = (await original()) as typeof Service;
  return {
    ...real,
    startService: async (...given: Parameters<typeof Service.startService>) => {
      const client = await real.startService(...given);
      const call = client.call.bind(client) as (...args: unknown[]) => Promise<never>;
      return Object.assign(client, {
        call: async (method: string, args: unknown[], ...rest: unknown[]) => {
          await before(method, args);
          return call(method, args, ...rest);
        },
      });
    },
  };
}
