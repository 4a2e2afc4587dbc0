import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { takeToken } from './token.ts';
import './style.css';
import './session.css';

const token = takeToken(window);
createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <App initialToken={token} />
  </StrictMode>,
);
