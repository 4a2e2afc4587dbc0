/** The folder of the built app: serve it as it is, under a path that ends in a slash. */
export declare const dashboardFolder: string;
/** To be sent with each of its files: they load nothing from elsewhere, run nothing inline, and talk to their origin only. */
export declare const dashboardHeaders: Readonly<Record<string, string>>;
