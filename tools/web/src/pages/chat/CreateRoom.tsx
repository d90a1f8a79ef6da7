// SPDX-License-Identifier: MIT
/** Making a room. */
import { useRef, useState } from 'preact/hooks';
import { useLocation } from 'wouter-preact';
import { Attempt } from '../../api/client';
import { Button } from '../../components/Button';
import { Buttons, Dialog } from '../../components/Dialog';
import { ErrorNote } from '../../components/ErrorNote';
import { Check, Field, fieldError, Segments } from '../../components/Field';
import { useAction } from '../../components/hooks';
import { knownPeople } from '../../state/people';
import type { Room } from '../../state/rooms';
import { create } from '../../state/rooms_live';
import { t } from '../../strings';

const NAME_CHARACTERS_MAX = 200;
const VISIBILITIES: Room['visibility'][] = ['public', 'private'];

interface OthersProperties {
  me: string;
  chosen: readonly string[];
  onChange: (ids: string[]) => void;
}

/** Whom one has met in rooms may be in this one from the start. */
function Others({ me, chosen, onChange }: OthersProperties) {
  const others = knownPeople().filter((someone) => someone.id !== me);
  const toggle = (id: string): void => onChange(chosen.includes(id) ? chosen.filter((each) => each !== id) : [...chosen, id]);
  return others.length === 0 ? null : (
    <fieldset class="segments others">
      <legend class="field-label">{t().chat.startWith}</legend>
      {others.map(({ id, name }) => (
        <Check key={id} label={name ?? ''} checked={chosen.includes(id)} onChange={() => toggle(id)} />
      ))}
    </fieldset>
  );
}

export function CreateRoom({ me, onClose }: { me: string; onClose: () => void }) {
  const [name, setName] = useState('');
  const [visibility, setVisibility] = useState<Room['visibility']>('public');
  const [members, setMembers] = useState<string[]>([]);
  const attempt = useRef(new Attempt());
  const [, go] = useLocation();
  const make = useAction(async () => {
    const wanted = { name: name.trim(), kind: 'group' as const, visibility, members };
    const room = await create(wanted, attempt.current.header(wanted));
    onClose();
    go(`/rooms/${room}`);
  });
  const problem = fieldError(make.problem, 'name');
  return (
    <Dialog title={t().chat.create} onClose={onClose}>
      <form
        class="create-room"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() !== '') void make.run();
        }}
      >
        <Field
          label={t().chat.roomName}
          value={name}
          maxLength={NAME_CHARACTERS_MAX}
          required
          autoFocus
          autocomplete="off"
          error={problem}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <div>
          <Segments
            label={t().chat.whoMayJoin}
            value={visibility}
            choices={VISIBILITIES.map((value) => ({ value, label: t().chat.visibilities[value] }))}
            onChange={setVisibility}
          />
          <p class="field-hint">{t().chat.visibilityHints[visibility]}</p>
        </div>
        <Others me={me} chosen={members} onChange={setMembers} />
        <ErrorNote problem={problem === undefined ? make.problem : undefined} />
        <Buttons>
          <Button kind="primary" type="submit" busy={make.busy} disabled={name.trim() === ''}>
            {t().chat.createNow}
          </Button>
        </Buttons>
      </form>
    </Dialog>
  );
}
