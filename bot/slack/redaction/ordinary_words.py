"""Words that follow "password" where people talk about one: English, German, French, Spanish."""

from __future__ import annotations

STATES = frozenset(
    """
    expired wrong incorrect invalid rejected refused locked blocked gone missing reset correct right fine
    ok okay unknown lost forgotten forgot compromised weak weird leaked long short empty required needed
    optional changed new old same different case-sensitive protected disabled enabled broken stuck revoked
    denied accepted useless case sensitive failed failing saved stored hidden visible shown there here
    none null undefined true false todo secret temporary permanent valid good bad safe secure insecure
    strong simple easy hard outdated ignored stale unset great done str string int bool bytes bytearray
    varchar any optional[str] late slow due ready available unavailable impossible possible falsch
    abgelaufen vergessen ungültig gesperrt weg verloren korrekt richtig unbekannt geändert zurückgesetzt
    neu alt kurz lang leer erforderlich abgelehnt blockiert fehlt unsicher sicher schwach kaputt
    fehlerhaft gleich gespeichert expiré oublié perdu refusé bloqué invalide faux bon court inconnu changé
    périmé obligatoire requis expirée oubliée perdue refusée bloquée fausse bonne courte correcte inconnue
    incorrecta incorrecto caducada caducado olvidada olvidado bloqueada bloqueado rechazada rechazado
    inválida inválido perdida perdido corta correcta correcto desconocida errónea expirada válida
    """.split()  # noqa: SIM905 - a list of strings would take three pages
)
"""What a password is: "my password is expired"."""

SENTENCE = frozenset(
    """
    resets lock locks unlock lockout account accounts access logins support team tickets question questions
    trouble problem problems issue issues vault konto zugang frage zurücksetzung probleme compte problème
    cuenta problema
    his her our their this that these it its i you he she we they me us there not no never always does do
    did is are was were be been being has have had will would can cannot can't could should must may might
    doesn't don't didn't isn't wasn't won't what where when why how which who if but for from without
    about since still again only also very too just already anymore please any some every each reset
    change changes request link page mail email mails help policy policies manager field fields works work
    arrive arrives arrived expires expire prompt dialog screen box entry protection error message messages
    mismatch limit authentication login sign-in code letter blocked between before after until than as so
    same because see cancelled einen dein ich er sie es wir ihr mir mich nicht kein keine ist sind war
    wird wurde werden hat habe haben kann können soll muss darf wo wie wann warum wer welche bitte für zu
    zum zur auf ohne bei nach seit noch schon immer wieder nur auch sehr aber wenn dass geht läuft
    zurücksetzen ändern beantragen funktioniert akzeptiert angenommen mes ton ta son sa je tu il elle nous
    vous ils ne pas plus est sont était ai peut dois doit comment où quand pourquoi quel quelle qui que au
    aux en dans sans pour mais si svp marche fonctionne changer réinitialiser impossible toujours encore
    déjà très trop una mis su yo está era ha puedo puede debe cómo dónde cuándo qué cuál quién sin por
    para pero muy ya nunca siempre funciona cambiar restablecer llega demasiado
    """.split()  # noqa: SIM905
)
"""What only sentences have: "password: reset link does not arrive"."""

SMALL = frozenset(
    """
    a an the my your of and or in on at by with to der die das den dem des ein eine mein meine und oder
    von im am mit le la les un une mon ma de du et ou sur avec el los las mi y o con del al
    """.split()  # noqa: SIM905
)
"""What stands in a passphrase as well as in a sentence."""

ORDINARY = STATES | SENTENCE | SMALL
