"""Prints a report from WebKit: `python3 webkit_printer.py ADDRESS FILE WIDTH`.

Debian's own Python runs it, where GTK's libraries are; it knows nothing of the project.
"""

import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")

from gi.repository import GLib, Gtk, WebKit2  # noqa: E402 - which asks for their versions first

SECONDS = 100
SHOWN = "Boolean(document.querySelector('.insights[data-whole]')) && innerWidth === {}"


class Printer:
    """A window that nobody sees, which prints once the report is shown at the width asked for."""

    def __init__(self, address, file, width):
        self.file, self.shown = file, SHOWN.format(width)
        self.view = WebKit2.WebView()
        window = Gtk.OffscreenWindow()
        window.set_default_size(int(width), 900)
        window.add(self.view)
        window.show_all()
        self.view.load_uri(address)
        GLib.timeout_add(100, self.ask)

    def ask(self):
        self.view.evaluate_javascript(self.shown, -1, None, None, None, self.answered)
        return GLib.SOURCE_REMOVE

    def answered(self, view, result):
        if view.evaluate_javascript_finish(result).to_boolean():
            self.print()
        else:
            GLib.timeout_add(100, self.ask)

    def print(self):
        settings, setup = Gtk.PrintSettings(), Gtk.PageSetup()
        settings.set_printer("Print to File")
        settings.set(Gtk.PRINT_SETTINGS_OUTPUT_URI, GLib.filename_to_uri(self.file))
        settings.set(Gtk.PRINT_SETTINGS_OUTPUT_FILE_FORMAT, "pdf")
        setup.set_paper_size(Gtk.PaperSize.new("iso_a4"))
        printing = WebKit2.PrintOperation.new(self.view)
        printing.set_print_settings(settings)
        printing.set_page_setup(setup)
        printing.connect("failed", lambda _, error: sys.exit(error.message))
        printing.connect("finished", lambda _: Gtk.main_quit())
        printing.print_()


if __name__ == "__main__":
    GLib.timeout_add_seconds(SECONDS, lambda: sys.exit("nothing was printed in time"))
    printer = Printer(*sys.argv[1:])
    Gtk.main()
